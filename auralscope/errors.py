"""Errors that a user can cause or correct.

The text of each is a sentence for the user: what is wrong, with which file or name, and what to do. The command line
prints it, and the window shows it unchanged. Parts of it may come from a server, a file or a plugin, so it is always
one printable line.
"""


def printable(text: str) -> str:
    """Replace characters that a terminal or a window cannot show by escapes.

    Text that others wrote passes through this function before it is shown.

    Parameters
    ----------
    text : str
        It may contain control characters, and undecodable bytes of a file's name.

    Returns
    -------
    str
        Without line breaks, control characters and surrogates.
    """
    text = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def one_line(failure: BaseException) -> str:
    """Return the text of an error on one printable line; the name of its class if it has no text."""
    text = Exception.__str__(failure) if isinstance(failure, AuralScopeError) else str(failure)
    return printable(" ".join(line.strip() for line in text.splitlines())) or type(failure).__name__


class AuralScopeError(Exception):
    """Base of every error that is shown to the user as one sentence."""

    def __str__(self) -> str:
        return one_line(self)


class FileError(AuralScopeError):
    """A file cannot be read or written."""


class AudioFileError(FileError):
    """A file cannot be read as audio."""


class DeviceError(AuralScopeError):
    """An audio or compute device is missing, was removed, or has too little memory."""


class PluginError(AuralScopeError):
    """A plugin cannot be imported or registered, or breaks its contract."""


class UnknownNameError(AuralScopeError):
    """A model, layer, unit or label does not exist; the text lists those that do."""


class WeightsError(AuralScopeError):
    """Weights are missing, damaged, or do not fit their network."""


class NoRuleError(AuralScopeError):
    """An attribution method has no rule for a module of the network."""


class InputError(AuralScopeError):
    """A network's input is empty, has another rank, or contains NaN or infinity."""


class NetworkError(InputError, RuntimeError):
    """A network stops with an error of its own when it runs on an input."""


class IncompleteRecordingError(AuralScopeError):
    """A part of a network depends on the image by a computation that torch does not report."""


class TrainingError(AuralScopeError):
    """Recordings, labels, options, programs or sound fonts with which no model can be trained."""
