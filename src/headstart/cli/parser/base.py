"""An argument parser that suggests the option that was probably meant, below the usage of the command in question."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from headstart.cli.parser.synonyms import command_hint, nearest_choice, nearest_option, option_hint
from headstart.reporting.terminal import write_error

__all__ = ["Parser", "UsageExit"]


class UsageExit(SystemExit):
    """Exit after a command line that cannot be parsed; its code is 2.

    Attributes:
        message: the sentence that was written to standard error.

    Examples:
        >>> UsageExit("unknown option '--modle'").code
        2
    """

    def __init__(self, message: str) -> None:
        super().__init__(2)
        self.message = message


class Parser(argparse.ArgumentParser):
    """An `argparse` parser whose sub-commands report their own unknown arguments, with a suggestion.

    Examples:
        >>> parser = Parser(prog="headstart fit", usage="headstart fit DATA")
        >>> _ = parser.add_argument("--source")
        >>> parser.unknown_option("--model")
        "unknown option '--model'. Did you mean '--source SOURCE'?"
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, and end here on an unknown argument: `argparse` would show the usage of the main parser."""
        given = list(sys.argv[1:] if args is None else args)
        if self.actions:
            self._check_start(given)
        elif (unknown := next(filter(self._is_unknown, _before_dashes(given)), None)) is not None:
            self.error(self.unknown_option(unknown))
        found, further = super().parse_known_args(given, namespace)
        self._check_words(found)
        if further:
            self.error(self._too_many(given, further))
        return found, []

    @property
    def actions(self) -> dict[str, argparse.ArgumentParser]:
        """The parsers of the commands below this one, by name."""
        below = (action for action in self._actions if isinstance(action, argparse._SubParsersAction))
        return {name: parser for action in below for name, parser in action.choices.items()}

    def unknown_option(self, word: str) -> str:
        """The error message for an unknown option."""
        name = word.partition("=")[0]
        options = self._option_string_actions
        # where a hint fits, only an exact synonym of another option is the better answer
        hint = option_hint(name, [str(action.metavar or action.dest) for action in self._get_positional_actions()])
        near = nearest_option(name, options, exact=hint is not None)
        if near is not None:
            return f"unknown option '{name}'. Did you mean '{_as_written(near, options[near])}'?"
        listed = f"'{self.prog} --help' lists all options"
        return f"unknown option '{name}'; {hint or listed}."

    def error(self, message: str) -> NoReturn:
        """Show the usage of this command and one sentence, and exit with 2."""
        self.print_usage(sys.stderr)
        write_error(self.prog, message)
        raise UsageExit(message)

    def _check_value(self, action: argparse.Action, value: object) -> None:
        # overrides a method of argparse, whose message lists the choices but suggests none
        if action.choices is None or value in action.choices:
            return
        choices = [str(choice) for choice in action.choices]
        is_verb = isinstance(action, argparse._SubParsersAction)
        near = nearest_choice(str(value), choices)
        if is_verb and "fit" in choices and os.path.exists(str(value)):  # noqa: PTH110 (it takes any text)
            near = f"{self.prog} fit {value}"
        elif is_verb and value == "help":
            near = f"{self.prog} --help"
        suggestion = f" Did you mean '{near}'?" if near else ""
        hint = command_hint(str(value)) if is_verb and "fit" in choices else None
        if hint is not None:
            raise argparse.ArgumentError(None, f"there is no command '{value}'. {hint}")
        listed = f"(choose from {', '.join(choices)})"
        raise argparse.ArgumentError(action, f"invalid choice: '{value}'.{suggestion} {listed}")

    def _get_value(self, action: argparse.Action, arg_string: str) -> Any:
        # overrides a method of argparse, whose message names the type of Python
        try:
            return super()._get_value(action, arg_string)
        except argparse.ArgumentError as error:
            kind = {float: "a number", int: "a whole number"}.get(action.type)  # type: ignore[call-overload]
            if kind is None:
                raise
            raise argparse.ArgumentError(action, f"it must be {kind}. Got '{arg_string}' instead.") from error

    def _check_start(self, given: list[str]) -> None:
        """Refuse options before the command, except --help and --version."""
        if not given:
            self.print_help()
            self.exit(0)
        start = given[0]
        if not start.startswith("-") or start in self._option_string_actions:
            return
        place = next((k for k, word in enumerate(given) if word in self.actions), None)
        if place is None:
            near = nearest_option(start.partition("=")[0], self._option_string_actions)
            if near is not None:
                self.error(f"unknown option '{start}'. Did you mean '{near}'?")
            self.error(f"'{start}' needs a command; write '{self.prog} COMMAND ... {' '.join(given)}'.")
        reordered = " ".join([given[place], *given[place + 1 :], *given[:place]])
        self.error(f"'{start}' is given before the command; options come after it: '{self.prog} {reordered}'.")

    def _is_unknown(self, word: str) -> bool:
        """Whether an argument is an option that this command does not have."""
        name = word.partition("=")[0]
        if len(name) < 2 or name[0] != "-" or name == "--" or " " in name:
            return False
        options = self._option_string_actions
        if name in options or (name.startswith("--") and any(option.startswith(name) for option in options)):
            return False
        if name.startswith("--"):
            return True
        if name[1].isdecimal() or name[1] == ".":  # a negative number
            return False
        # -ofile is -o with its value; -out would be -o with the value "ut", but --out is meant
        return (
            name[:2] not in options
            or f"-{name}" in options
            or nearest_option(f"-{name}", options, exact=True) == "--out"
        )

    def _too_many(self, given: Sequence[str], further: Sequence[str]) -> str:
        """The error message for arguments that nothing takes, by the likeliest cause of the first."""
        word = further[0]
        if (meant := self._meant_as_option(word)) is not None:
            return meant
        place = given.index(word) if word in given else 0
        # a value behind a flag such as --json, or one part of a path with spaces that was not quoted
        before = self._option_string_actions.get(given[place - 1]) if place else None
        if before is not None and before.nargs == 0:
            takers = {name: action for name, action in self._option_string_actions.items() if action.nargs != 0}
            near = nearest_option(given[place - 1], takers)
            meant = f" Did you mean '{near} {word}'?" if near else ""
            return f"'{given[place - 1]}' takes no value, so '{word}' is an unexpected argument.{meant}"
        joined = f"{given[place - 1]} {word}"
        if place and os.path.exists(joined):  # noqa: PTH110 (it takes any text)
            return f"unexpected argument '{word}'. Did you mean '{joined}', in quotation marks?"
        return f"unexpected argument '{word}'."

    def _check_words(self, found: argparse.Namespace) -> None:
        """Refuse a positional argument such as ``label=mood`` that was meant as an option."""
        for action in self._get_positional_actions():
            given = getattr(found, action.dest, None)
            for word in given if isinstance(given, list) else [given]:
                if isinstance(word, str) and (meant := self._meant_as_option(word)) is not None:
                    self.error(meant)

    def _meant_as_option(self, word: str) -> str | None:
        """The error message for ``name=value`` if that is no file and the name is close to an option; else None."""
        name, equals, value = word.partition("=")
        if (
            not equals
            or len(name) < 2
            or not name.replace("-", "").replace("_", "").isalnum()
            or len(word.split()) != 1
        ):
            return None
        near = nearest_option(f"--{name.lstrip('-')}", self._option_string_actions, exact=True)
        if near is None or os.path.exists(word):  # noqa: PTH110 (it takes any text)
            return None
        takes = self._option_string_actions[near].nargs != 0
        return f"there is no file '{word}'. Did you mean '{near}{f' {value}' if takes else ''}'?"


def _before_dashes(given: Sequence[str]) -> Sequence[str]:
    """The arguments before ``--``; those after it are never options."""
    return given[: given.index("--")] if "--" in given else given


def _as_written(option: str, action: argparse.Action) -> str:
    """An option with its placeholder or choices, as the help shows it; without them where they are long."""
    if action.nargs == 0:
        return option
    value = "|".join(map(str, action.choices)) if action.choices else action.metavar or action.dest.upper()
    return f"{option} {value}" if len(str(value)) < 24 else option
