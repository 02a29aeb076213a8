"""Errors that a user can cause or correct.

The text of each is a sentence for the user: what is wrong, with which file or name, and what to do. The command line
prints it on one line, and the window shows it unchanged.
"""


class AuralScopeError(Exception):
    """Base of every error that is shown to the user as one sentence."""


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


class TrainingError(AuralScopeError):
    """Recordings, labels, options, programs or sound fonts with which no model can be trained."""
