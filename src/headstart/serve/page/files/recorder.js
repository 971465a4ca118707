// A recording of the microphone as a WAV file: every server reads that, and no browser records it by itself.

export async function record(tick) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.addEventListener("dataavailable", (event) => parts.push(event.data));
  const started = Date.now();
  const timer = setInterval(() => tick(Math.round((Date.now() - started) / 1000)), 500);
  recorder.start();
  return () =>
    new Promise((resolve, reject) => {
      recorder.addEventListener("stop", async () => {
        clearInterval(timer);
        for (const track of stream.getTracks()) track.stop();
        try {
          resolve(await wav(new Blob(parts, { type: recorder.mimeType })));
        } catch (error) {
          reject(error);
        }
      });
      recorder.stop();
    });
}

async function wav(blob) {
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  await context.close();
  const channels = Array.from({ length: sound.numberOfChannels }, (_, place) => sound.getChannelData(place));
  const mono = channels[0].map((_, at) => channels.reduce((sum, channel) => sum + channel[at], 0) / channels.length);
  return new File([encoded(mono, sound.sampleRate)], "recording.wav", { type: "audio/wav" });
}

// RIFF WAVE, one channel, 16 bits.
function encoded(samples, rate) {
  const view = new DataView(new ArrayBuffer(44 + 2 * samples.length));
  const text = (at, letters) => [...letters].forEach((letter, place) => view.setUint8(at + place, letter.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * samples.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, rate, true);
  view.setUint32(28, 2 * rate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * samples.length, true);
  samples.forEach((value, place) => {
    view.setInt16(44 + 2 * place, Math.round(32767 * Math.max(-1, Math.min(1, value))), true);
  });
  return view.buffer;
}
