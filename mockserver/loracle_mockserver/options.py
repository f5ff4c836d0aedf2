"""How options are declared, and the table [tool.loracle] of pyproject.toml that sets them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from loracle_mockserver.exit_codes import CouldNotRunError

__all__ = ["Command", "Numbers", "Words", "option", "table_settings"]

Command = TypeVar("Command", bound=Callable[..., Any])
if TYPE_CHECKING:
    _ListType = click.ParamType[tuple[Any, ...]]
else:
    _ListType = click.ParamType  # older versions of click have no type argument


def option(*names: str, **attributes: Any) -> Callable[[Command], Command]:
    """An option of a command, which the environment can set, too: LORACLE_PORT for --port."""
    long = names[0].partition("/")[0].removeprefix("--")
    envvar = "LORACLE_" + long.upper().replace("-", "_")
    return click.option(*names, envvar=envvar, **attributes)


class Numbers(_ListType):
    """Numbers with commas between them; in TOML a list of numbers will do as well."""

    name = "numbers"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Any, ...]:
        """The numbers of a text; what is no text is left to whoever knows what the numbers mean."""
        if not isinstance(value, str):
            return tuple(value)
        try:
            return tuple(float(number) for number in value.split(","))
        except ValueError:
            self.fail(f"{value!r} are no numbers with commas between them, such as 60,480,60", param, ctx)


class Words(_ListType):
    """Words with commas between them; in TOML a list of them will do as well."""

    name = "words"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,  # noqa: ARG002 - click's signature
        ctx: click.Context | None,  # noqa: ARG002
    ) -> tuple[Any, ...]:
        """The words of a text, without the blanks around them."""
        if not isinstance(value, str):
            return tuple(value)
        return tuple(filter(None, (word.strip() for word in value.split(","))))


def table_settings(path: str, commands: Iterable[click.Command]) -> dict[str, dict[str, Any]]:
    """The table [tool.loracle] of a file that need not exist: for each command, by click's parameters.

    A setting counts for all commands that have such an option and such a choice of it. The commands are
    gone through only where there is such a table. Raises UsageError for a setting that no command has or
    that is of the wrong kind, CouldNotRunError where the file cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - pathlib takes 4 ms to import
            text = file.read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise CouldNotRunError(f"{path} cannot be read: {error}") from None
    import tomllib  # noqa: PLC0415 - most working directories have no such file

    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CouldNotRunError(f"{path} cannot be read: {error}") from None
    tool = document.get("tool", {})
    table = tool.get("loracle", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise click.UsageError(f"{path}: [tool.loracle] is not a table")
    if not table:
        return {}
    known = {str(command.name): _options(command) for command in commands}
    settings: dict[str, dict[str, Any]] = {command: {} for command in known}
    for key, value in table.items():
        spelled = key.replace("_", "-")
        concerned = {command: options[spelled] for command, options in known.items() if spelled in options}
        if not concerned:
            raise click.UsageError(f"{path}: [tool.loracle] has no setting {key!r}.{_hint(key, known)}")
        choosing = {command: option for command, option in concerned.items() if _may_have(option, value)}
        for command, parameter in (choosing or concerned).items():
            _check(f"{path}: [tool.loracle] {key}", parameter, value)
            is_one_of_several = parameter.multiple and not isinstance(value, list)
            settings[command][str(parameter.name)] = [value] if is_one_of_several else value
    return settings


def _options(command: click.Command) -> dict[str, click.Option]:
    """The options of a command that can be set, by their spelling without dashes."""
    return {
        spelled.removeprefix("--"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option) and parameter.envvar
        for spelled in parameter.opts
    }


def _may_have(parameter: click.Option, value: Any) -> bool:
    """Whether the option may have the value: another command's option of this name may know other ones."""
    if isinstance(value, list) and not (parameter.multiple or isinstance(parameter.type, (Numbers, Words))):
        return False
    return not isinstance(parameter.type, click.Choice) or value in parameter.type.choices


def _hint(key: str, known: dict[str, dict[str, click.Option]]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - for an error only

    close = get_close_matches(key, sorted({name for options in known.values() for name in options}), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def _check(place: str, parameter: click.Option, value: Any) -> None:
    """Refuses what click would turn into something else, such as true into the port 1."""
    if isinstance(value, list) and not value:
        raise click.UsageError(f"{place} is an empty list; leave it out instead")
    several = value if parameter.multiple and isinstance(value, list) else [value]
    kinds, wanted = _kinds(parameter)
    if any(type(one) not in kinds for one in several):
        raise click.UsageError(f"{place} is {value!r}, but it has to be {wanted}")


def _kinds(parameter: click.Option) -> tuple[tuple[type, ...], str]:
    if parameter.is_flag:
        return (bool,), "true or false"
    if isinstance(parameter.type, Numbers):
        return (list, str), "a list of numbers"
    if isinstance(parameter.type, Words):
        return (list, str), "a list of words"
    if isinstance(parameter.type, type(click.FLOAT)):
        return (float, int, str), "a number"
    if isinstance(parameter.type, type(click.INT)):
        return (int, str), "a whole number"
    return (str,), "text"
