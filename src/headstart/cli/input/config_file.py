"""Options of a command from a YAML file or from the run folder of an earlier command, and the same in print."""

from __future__ import annotations

import argparse
import difflib
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from headstart.data.annotations.location import Location
from headstart.data.annotations.parsing.yaml_files import load_yaml
from headstart.errors import UsageError
from headstart.io import read_json

__all__ = ["as_words", "as_yaml", "parse_configured"]

NOT_KEPT = ("help", "config", "print_config")  # they say where options are read and printed
OF_ONE_RUN = ("out", "overwrite")  # not repeated: the run that is read would be replaced
RECORDS = ("manifest.json", "distillation.json", "pretraining.json")  # of a run folder; they hold its command
LONGEST_NAME = 60  # characters of an unknown one that are shown and compared
END = "...\n"  # of a YAML document that is one plain value
SHOWN_DEFAULT = re.compile(r"\(default: (.*)\)$", re.DOTALL)

Actions = dict[str, argparse.Action]


def parse_configured(parser: argparse.ArgumentParser, verb: argparse.ArgumentParser, words: Sequence[str]) -> Any:
    r"""Parse a command line; ``--config`` gives what it leaves open.

    Args:
        parser: of all commands.
        verb: of the command that the words begin with.
        words: the command line after ``headstart``.

    Returns:
        The options, with the complete command line, without ``--config``, in ``words``.

    Raises:
        UsageError: if the file cannot be read, or holds an unknown option or a wrong value.

    Examples:
        >>> import tempfile
        >>> from headstart.cli.parser import build_parser
        >>> file = Path(tempfile.mkdtemp()) / "fit.yaml"
        >>> _ = file.write_text("data: photos\nstrategy: lp_ft\nepochs: 3\n")
        >>> parser = build_parser()
        >>> args = parse_configured(parser, parser.actions["fit"], ["fit", f"--config={file}", "--epochs", "5"])
        >>> args.data, args.strategy, args.epochs, args.words
        ('photos', 'lp_ft', 5, ['fit', 'photos', '--strategy=lp_ft', '--epochs=5'])
    """
    actions = _actions(verb)
    if "config" not in {action.dest for action in verb._actions} or not any(map(_may_configure, words)):
        args = parser.parse_args(words)
        args.words = list(words)
        return args
    given = _given(verb, words[1:])
    values: Mapping[str, Any] = {}
    if "config" in given:
        values = _values(parser, verb, words[0], Path(given["config"]))
    printing = given.get("print_config", False)
    with _relaxed([action for action in verb._actions if printing or action.dest in values]):
        args = parser.parse_args(words)
    excluded = set(given) | _excluded(verb, given)
    used = {dest: value for dest, value in values.items() if dest not in excluded}
    _check_exclusive(verb, used, given.get("config"))
    for dest, value in used.items():
        setattr(args, dest, value)
    args.words = [words[0], *as_words(actions, args)]
    return args


def as_words(actions: Actions, args: argparse.Namespace) -> list[str]:
    """The options that differ from their defaults, as a command line after the name of the command.

    Args:
        actions: by key.
        args: parsed.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> parser = build_parser()
        >>> args = parser.parse_args(["fit", "a.csv", "--label", "x", "--label", "y", "--json", "--head", "solved"])
        >>> as_words(_actions(parser.actions["fit"]), args)
        ['a.csv', '--label=x', '--label=y', '--json']
    """
    places, options = [], []
    for key, action in actions.items():
        value = getattr(args, action.dest)
        if value is None or value == action.default:
            continue
        if not action.option_strings:
            places.append(str(value))
        elif action.nargs == 0:
            options += [f"--{key}"] if value else []
        else:
            options += [f"--{key}={_text(one)}" for one in (value if isinstance(value, list) else [value])]
    return [*places, *options]


def as_yaml(verb: argparse.ArgumentParser, args: argparse.Namespace) -> str:
    """All options of a command with their values, as a file for ``--config``.

    Args:
        verb: parser of the command.
        args: parsed.

    Examples:
        >>> from headstart.cli.parser import build_parser
        >>> parser = build_parser()
        >>> text = as_yaml(parser.actions["fit"], parser.parse_args(["fit", "a.csv", "--seed", "3"]))
        >>> [line for line in text.splitlines() if line.startswith(("data", "seed", "source:"))]
        ['data: a.csv', 'source: null  # the installed one that suits the items', 'seed: 3']
    """
    yaml: Any = import_module("yaml")
    keys = {id(action): key for key, action in _actions(verb).items()}
    lines = [f"# {verb.prog} --config FILE"]
    for group in verb._action_groups:
        known = [action for action in group._group_actions if id(action) in keys]
        title = "what it works on" if group is verb._positionals else group.title
        lines += ["", f"# {title}"] if known else []
        for action in known:
            value = getattr(args, action.dest)
            plain = [_plain(one) for one in value] if isinstance(value, list) else _plain(value)
            shown = yaml.safe_dump(plain, allow_unicode=True, default_flow_style=True, width=10**6)
            note = _default_note(action) if value is None else ""
            lines.append(f"{keys[id(action)]}: {shown.removesuffix(END).strip()}{note}")
    return "\n".join(lines) + "\n"


def _default_note(action: argparse.Action) -> str:
    """What is used where nothing is given, as the help says it in parentheses."""
    found = SHOWN_DEFAULT.search((action.help or "").replace("%%", "%").split(");")[0].rstrip(")") + ")")
    return f"  # {found.group(1)}" if found else ""


def _actions(verb: argparse.ArgumentParser) -> Actions:
    """What may be configured, by key: the long option without dashes, or the name of a positional argument."""
    return {
        (max(action.option_strings, key=len).lstrip("-") if action.option_strings else action.dest): action
        for action in verb._actions
        if action.dest not in NOT_KEPT and action.default is not argparse.SUPPRESS
    }


def _may_configure(word: str) -> bool:
    name = word.partition("=")[0]
    return len(name) > 2 and any(option.startswith(name) for option in ("--config", "--print-config"))


@contextmanager
def _relaxed(actions: Sequence[argparse.Action]) -> Iterator[None]:
    """No argument of these is required until the context is left."""
    before = [(action, action.required) for action in actions]
    for action in actions:
        action.required = False
    try:
        yield
    finally:
        for action, required in before:
            action.required = required


def _given(verb: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, Any]:
    """The arguments that stand in a command line, by destination, without any default."""
    before = [(action, action.default) for action in verb._actions]
    defaults, verb._defaults = verb._defaults, {}
    for action, _ in before:
        action.default = argparse.SUPPRESS
    try:
        with _relaxed(verb._actions):
            return vars(verb.parse_known_args(list(words), argparse.Namespace())[0])
    finally:
        verb._defaults = defaults
        for action, default in before:
            action.default = default


def _excluded(verb: argparse.ArgumentParser, given: Mapping[str, Any]) -> set[str]:
    """Options that exclude one that is given."""
    groups = [{action.dest for action in group._group_actions} for group in verb._mutually_exclusive_groups]
    return {dest for group in groups if group & set(given) for dest in group}


def _check_exclusive(verb: argparse.ArgumentParser, used: Mapping[str, Any], path: object) -> None:
    """Raise if a file gives two options that exclude each other; those of the command line exclude them before."""
    names = {action.dest: key for key, action in _actions(verb).items()}
    for group in verb._mutually_exclusive_groups:
        both = [
            names.get(action.dest, action.dest)
            for action in group._group_actions
            if action.dest in used and used[action.dest] != action.default
        ]
        if len(both) > 1:
            listed = " and ".join(f"'{name}'" for name in both)
            raise UsageError(f"'{path}' holds {listed}, and only one of them is allowed; leave out the others.")


def _values(parser: argparse.ArgumentParser, verb: argparse.ArgumentParser, name: str, path: Path) -> dict[str, Any]:
    """The values by destination of a YAML file, a run folder, or the record in a run folder."""
    record = next((path / one for one in RECORDS if (path / one).is_file()), None) if path.is_dir() else None
    if path.is_file() and path.name in RECORDS:
        record = path
    if record is not None:
        return _of_run(parser, verb, name, record)
    if not path.is_file():
        what = "holds no record of a command" if path.is_dir() else "is not there"
        raise UsageError(f"--config takes a YAML file or a run folder, and '{path}' {what}; check the path.")
    found = load_yaml(Location(path.parent), path.name)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise UsageError(f"'{path}' must hold options, such as 'epochs: 3'. Got {type(found).__name__} instead.")
    actions = _actions(verb)
    values = {}
    for key, value in found.items():
        known = str(key).replace("_", "-")
        action = actions.get(known) or actions.get(str(key))
        if action is None:
            near = difflib.get_close_matches(known[:LONGEST_NAME], actions, n=1)
            hint = f" Did you mean '{near[0]}'?" if near else f" '{verb.prog} --print-config' lists all."
            raise UsageError(f"'{path}' holds the unknown option '{key!s:.{LONGEST_NAME}}'.{hint}")
        if value is not None:
            values[action.dest] = _converted(verb, action, value, f"'{key}' in '{path}'")
    return values


def _of_run(parser: argparse.ArgumentParser, verb: argparse.ArgumentParser, name: str, record: Path) -> dict[str, Any]:
    command = read_json(record).get("command")
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError as error:
        why = str(error).lower()
        raise UsageError(f"The command in '{record}' cannot be read ({why}); give a YAML file instead.") from None
    if words[:1] != ["headstart"] or "\0" in "".join(words):
        raise UsageError(f"'{record}' names no command of headstart, so its options are not known; give a YAML file.")
    if words[1:2] != [name]:
        made = " ".join(words[:2])
        raise UsageError(f"'{record.parent}' was made by '{made}', so '{verb.prog}' cannot repeat it.")
    args = parser.parse_args(words[1:])
    found = {action.dest: (getattr(args, action.dest), action.default) for action in _actions(verb).values()}
    return {key: value for key, (value, default) in found.items() if value != default and key not in OF_ONE_RUN}


def _converted(verb: argparse.ArgumentParser, action: argparse.Action, value: Any, where: str) -> Any:
    """A value of a file as the command line would give it."""
    if action.nargs == 0:
        if not isinstance(value, bool):
            raise UsageError(f"{where} must be true or false. Got {value!r:.60} instead.")
        return value
    several = isinstance(action.default, list) or isinstance(action, argparse._AppendAction | argparse._ExtendAction)
    if several != isinstance(value, list) and not several:
        raise UsageError(f"{where} must be one value. Got a list instead.")
    listed = value if isinstance(value, list) else [value]
    made = [_one(verb, action, one, where) for one in listed]
    return made if several else made[0]


def _one(verb: argparse.ArgumentParser, action: argparse.Action, value: Any, where: str) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise UsageError(f"{where} must be a text or a number. Got {value!r:.60} instead; a text may need quotes.")
    try:
        made = verb._get_value(action, str(value))
        verb._check_value(action, made)
    except argparse.ArgumentError as error:
        raise UsageError(f"{where}: {error.message}") from None
    return made


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{value[0]}={_text(value[1])}"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(value: Any) -> Any:
    return _text(value) if isinstance(value, tuple) else value
