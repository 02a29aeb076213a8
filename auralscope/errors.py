"""One tree of errors: whatever a user can cause or mend ends in an `AuralScopeError`.

The text of each is a sentence for that user: what is wrong, with which file or name, what to do.
The command line prints it on one line; the window shows it as it is.
"""


class AuralScopeError(Exception):
    """Base of every error that is shown to the user as one sentence."""


class FileError(AuralScopeError):
    """A file that cannot be read or written."""


class AudioFileError(FileError):
    """A file that cannot be read as audio."""


class DeviceError(AuralScopeError):
    """No audio device, a device that went away, or a compute device that is not there."""


class PluginError(AuralScopeError):
    """A plugin that does not import, register or keep its contract."""


class UnknownNameError(AuralScopeError):
    """A model, layer, unit or label that does not exist; the text lists what does."""


class WeightsError(AuralScopeError):
    """Weights that are missing, damaged, or do not fit their network."""


class NoRuleError(AuralScopeError):
    """A network module through which deconvolution has no rule to pass."""


class InputError(AuralScopeError):
    """An input that a network cannot be given: empty, of another rank, or with values that are no numbers."""


class TrainingError(AuralScopeError):
    """Recordings, labels, options, programs or sound fonts with which no model can be trained."""
