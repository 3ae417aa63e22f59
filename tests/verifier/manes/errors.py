"""The one exception of this package: something that the format does not allow.

Invariant: every refusal is a `Refused`; any other exception is a fault of the verifier, never a verdict. The place of a
finding is filled in from the inside out: whoever knows the offset within an item says that, whoever knows where the item
lies adds its base, whoever knows the file adds the name. Once the file is named, the places further out are of another file.
"""


def printable(text):
    """Text of a stranger, with everything escaped that might do something to a terminal."""
    return ascii(text)[1:-1]


def of_system(error, name):
    """What the operating system said about a file or folder, as a refusal."""
    if isinstance(error, FileNotFoundError):
        return Refused("it is missing", code="missing").at(file=name)
    return Refused("it cannot be read: %s" % error.strerror, code="unreadable").at(file=name)


class Refused(Exception):
    """Data that is not what the format says. `offset` counts bytes within the innermost thing named so far. `code` is one of
    those of FORMAT.md's reports."""

    def __init__(self, message, offset=None, code=None):
        super().__init__(message)
        self.message = message
        self.code = code
        self.file = None
        self.offset = offset
        self.block = None
        self.record = None

    def at(self, file=None, base=None, block=None, record=None, code=None):
        """Adds what is known of the place further out. What was said further in is not overwritten."""
        if code is not None and self.code is None:
            self.code = code
        if base is not None and self.file is None:
            self.offset = base + (self.offset or 0)
        if file is not None and self.file is None:
            self.file = file
        if block is not None and self.block is None:
            self.block = block
        if record is not None and self.record is None:
            self.record = record
        return self

    def report(self):
        """The report of a folder or receipt that was not verified. What cannot be named is None."""
        finding = {name: getattr(self, name) for name in ("code", "file", "offset", "block", "record", "message")}
        return {"verified": False, "finding": finding}

    def __str__(self):
        words = []
        if self.file is not None:
            words.append(printable(self.file) or "the folder")
        if self.offset is not None:
            words.append("byte %d" % self.offset)
        if self.block is not None:
            words.append("block %d" % self.block)
        if self.record is not None:
            words.append("record %d" % self.record)
        return ": ".join([", ".join(words), self.message] if words else [self.message])
