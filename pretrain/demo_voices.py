"""Speak the words of ``headstart demo`` with the synthesiser espeak-ng and pack them into ``assets/spoken_words.tar``.

    python pretrain/demo_voices.py [OUT.tar]

Eight words by twelve voices that differ in accent, sex, pitch and speed: ``WORD/VOICE.ogg``, mono, 16 kHz, Opus. No
recording of a person is in them. Needs the program espeak-ng (Debian: ``apt install espeak-ng``).
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import soundfile
import soxr

WORDS = ("yes", "no", "stop", "go", "left", "right", "up", "down")
VOICES = {  # name: voice of espeak-ng with its variant, pitch (0 to 99), words a minute
    "adam": ("en-us+m1", 40, 150),
    "bea": ("en-us+f1", 55, 160),
    "carl": ("en-gb+m2", 35, 140),
    "dora": ("en-gb+f2", 60, 170),
    "emil": ("en-gb-scotland+m3", 45, 150),
    "flora": ("en-gb-scotland+f3", 65, 145),
    "gus": ("en-029+m4", 30, 165),
    "hope": ("en-029+f4", 50, 155),
    "ivan": ("en-gb-x-rp+m5", 50, 175),
    "jane": ("en-gb-x-rp+f5", 70, 150),
    "kurt": ("en-gb-x-gbclan+m6", 42, 160),
    "lena": ("en-us+f2", 48, 185),
}
RATE = 16_000


def main() -> None:
    """Write the archive."""
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("src/headstart/assets/spoken_words.tar")
    with tarfile.open(out, "w") as archive:
        for word in WORDS:
            for name, (voice, pitch, speed) in VOICES.items():
                sound = spoken(word, voice, pitch, speed)
                entry = tarfile.TarInfo(f"{word}/{name}.ogg")
                entry.size, entry.mode = len(sound), 0o644
                archive.addfile(entry, io.BytesIO(sound))
    print(f"{out}: {len(WORDS) * len(VOICES)} sounds, {out.stat().st_size:,} bytes")


def spoken(word: str, voice: str, pitch: int, speed: int) -> bytes:
    """One word as an Ogg file with the codec Opus."""
    command = ["espeak-ng", "-v", voice, "-p", str(pitch), "-s", str(speed), "--stdout", word]
    wave = subprocess.run(command, check=True, capture_output=True).stdout  # noqa: S603 (words of this file)
    samples, rate = soundfile.read(io.BytesIO(wave), dtype="float32")
    out = io.BytesIO()
    soundfile.write(out, soxr.resample(samples, rate, RATE), RATE, format="OGG", subtype="OPUS")
    return out.getvalue()


if __name__ == "__main__":
    main()
