"""A ledger's folder, every byte of it (FORMAT.md, "Folder").

Invariant: a folder is accepted only if each name in it was expected and each byte of each file was judged, but for what
unfinished writes left, which is counted and carries no meaning. Nothing is followed that is not a plain file or folder, and
nothing is written.
"""

import hashlib
import os
import re
import stat

from . import cbor, checkpoint, limits, segment
from .block import Block
from .envelope import DEPLOYMENT
from .errors import Refused, of_system, printable
from .hashing import is_hex
from .ledger import Ledger

FILE, FOLDER, OTHER = "a file", "a folder", "neither a file nor a folder"
CHUNK = 1 << 20
ROOT = {"segments": FOLDER, "blobs": FOLDER, "artifacts": FOLDER, "checkpoint": FILE, "LOCK": FILE}
SEGMENT_NAME = re.compile(r"[0-9]{8}\.seg\Z", re.ASCII)


class Disk:
    """The folder as the operating system has it. Tests put other objects with these three methods in its place."""

    def __init__(self, path):
        self._path = path

    def _join(self, name):
        return os.path.join(self._path, *name.split("/")) if name else self._path

    def names(self, folder):
        """(name, what it is) for everything in `folder`, sorted."""
        found = []
        try:
            # The ledger's own folder may be a link: it is the reader who names it.
            with os.scandir(self._join(folder)) as entries:
                for entry in entries:
                    # A symbolic link is neither, so it is never followed.
                    if entry.is_file(follow_symlinks=False):
                        found.append((entry.name, FILE))
                    else:
                        found.append((entry.name, FOLDER if entry.is_dir(follow_symlinks=False) else OTHER))
        except OSError as error:
            raise of_system(error, folder) from None
        return sorted(found)

    def open(self, name):
        """A stream over the file's bytes, and their number."""
        # Not blocking, and the kind asked again: the name may have become a pipe or a link since it was listed.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            stream = os.fdopen(os.open(self._join(name), flags), "rb")
        except OSError as error:
            raise of_system(error, name) from None
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            stream.close()
            raise Refused("it is not a plain file", code="unexpected").at(file=name)
        return stream, status.st_size


def verify(source, cache, held=(), ledger_id=None):
    """Judges the ledger in `source`; returns the report, or raises `Refused`. `held` are pairs of (name, note's bytes)."""
    try:
        return _Folder(source, cache).verify(held, ledger_id)
    except OSError as error:
        # While a stream was read: opening and listing name their file.
        raise of_system(error, None) from None


def _text(name):
    """A name as text, as far as it is text."""
    return os.fsencode(name).decode("utf-8", "replace")


class _Folder:
    def __init__(self, source, cache):
        self._source = source
        self._cache = cache
        self._blob_names = set()
        self._artifact_names = set()
        self._named_blobs = set()
        self._named_artifacts = set()
        self._leftovers = 0

    def verify(self, held, ledger_id):
        present = self._list("", ROOT.get)
        if "LOCK" in present:
            self._check_lock()
        segments = self._segment_names(present)
        if "blobs" in present:
            self._check_blobs()
        if "artifacts" in present:
            self._check_artifacts()
        ledger = Ledger(self._cache, self._feed_blob)
        for index, name in enumerate(segments):
            self._segment(ledger, name, index == len(segments) - 1, ledger_id)
        if ledger.id is None:
            raise Refused("no block in the ledger", code="chain").at(file=segments[0])
        own = self._own_checkpoint(ledger, present)
        brought = [self._held_checkpoint(ledger, number, *pair) for number, pair in enumerate(held, 1)]
        return self._report(ledger, len(segments), own, brought)

    def _list(self, folder, allowed):
        """Everything in a folder but leftovers, which are counted. `allowed` says what a name must be; None: not there."""
        present = []
        for name, kind in self._source.names(folder):
            path = (folder + "/" if folder else "") + name
            wanted = allowed(name)
            # What a write leaves when it is cut off before it renames: the name of a file that may be here, and ".new".
            leftover = wanted is None and folder != "segments" and name.endswith(".new")
            if leftover and name != "LOCK.new":
                wanted = FILE if allowed(name[: -len(".new")]) == FILE else None
            if wanted is None:
                raise Refused("it does not belong into a ledger's folder", code="unexpected").at(file=_text(path))
            if kind != wanted:
                raise Refused("it is %s, not %s" % (kind, wanted), code="unexpected").at(file=path)
            if leftover:
                self._leftovers += 1
            else:
                present.append(name)
        return present

    def _check_lock(self):
        stream, size = self._source.open("LOCK")
        with stream:
            if size != 0 or stream.read(1):
                raise Refused("%d bytes where there is no content" % size, 0, "size").at(file="LOCK")

    def _segment_names(self, present):
        names = []
        if "segments" in present:
            names = self._list("segments", lambda name: FILE if SEGMENT_NAME.match(name) else None)
        paths = ["segments/%08d.seg" % index for index in range(max(1, len(names)))]
        for index, path in enumerate(paths):
            if names[index : index + 1] != [path.split("/")[1]]:
                raise Refused("it is missing", code="missing").at(file=path)
        return paths

    def _check_blobs(self):
        for prefix in self._list("blobs", lambda name: FOLDER if is_hex(name, 1) else None):
            folder = "blobs/" + prefix
            for name in self._list(folder, lambda name: FILE if is_hex(name, 32) and name[:2] == prefix else None):
                self._check_content(folder + "/" + name, name)
                self._blob_names.add(name)

    def _check_artifacts(self):
        for name in self._list("artifacts", lambda name: FILE if is_hex(name, 32) else None):
            self._check_content("artifacts/" + name, name)
            self._artifact_names.add(name)

    def _check_content(self, path, name):
        hasher = hashlib.sha256()
        self._feed(path, hasher)
        if hasher.hexdigest() != name:
            raise Refused("its content has the SHA-256 %s" % hasher.hexdigest(), code="digest").at(file=path)

    def _feed(self, path, hasher):
        stream = self._open_blob(path)
        length = 0
        with stream:
            while True:
                chunk = stream.read(CHUNK)
                if not chunk:
                    return length
                hasher.update(chunk)
                length += len(chunk)

    def _open_blob(self, path):
        """A blob or artifact that is not larger than the format allows."""
        stream, size = self._source.open(path)
        if size > limits.BLOB_BYTES:
            stream.close()
            raise Refused("%d bytes; it has at most 1 GiB" % size, code="size").at(file=path)
        return stream

    def _feed_blob(self, digest, hasher):
        name = digest.hex()
        if name not in self._blob_names:
            raise Refused("it is missing, and a block names it", code="missing").at(file=_blob_path(name))
        self._named_blobs.add(name)
        return self._feed(_blob_path(name), hasher)

    def _segment(self, ledger, path, last, ledger_id):
        stream, size = self._source.open(path)
        empty = True
        with stream:
            try:
                for offset, payload in segment.frames(stream, size):
                    empty = False
                    place = ledger.blocks
                    try:
                        block = self._cache.block(payload, Block)
                    except Refused as refused:
                        raise refused.at(base=offset, block=place)
                    try:
                        ledger.add(block)
                        if place == 0 and ledger_id is not None and ledger.id != ledger_id:
                            raise Refused("the ledger is %s, not the one expected" % ledger.id.hex(), code="other-ledger")
                        self._check_deployments(block)
                    except Refused as refused:
                        raise refused.at(base=offset, block=place, code="chain")
                if empty and not last:
                    raise Refused("no frame in a segment that is not the last", len(segment.HEAD))
            except Refused as refused:
                raise refused.at(file=path, code="damaged")

    def _check_deployments(self, block):
        """The artifacts that the block's deployments name, in the envelope or in a stored body, must be there."""
        for index, record in enumerate(block.envelopes):
            if record.kind != DEPLOYMENT:
                continue
            named = [] if record.component is None else [record.component.hex()]
            body = block.bodies[index]
            if body is not None:
                name = component_of(self._content(body))
                named += [] if name is None else [name]
            for name in named:
                if name not in self._artifact_names:
                    missing = Refused("it is missing, and a deployment names it", code="missing")
                    raise missing.at(file="artifacts/" + name, record=block.header.first + index)
                self._named_artifacts.add(name)

    def _content(self, body):
        if body.digest is None:
            return body.inline
        with self._open_blob(_blob_path(body.digest.hex())) as stream:
            return stream.read()

    def _own_checkpoint(self, ledger, present):
        try:
            if "checkpoint" not in present:
                raise Refused("it is missing", code="missing")
            stream, _ = self._source.open("checkpoint")
            with stream:
                data = stream.read(limits.CHECKPOINT_BYTES + 1)
            if len(data) > limits.CHECKPOINT_BYTES:
                raise Refused("it is over 64 KiB", code="size")
            return self._extended(ledger, data, True)
        except Refused as refused:
            raise refused.at(file="checkpoint", code="checkpoint")

    def _held_checkpoint(self, ledger, number, name, data):
        try:
            return self._extended(ledger, data, False)
        except Refused as refused:
            # It lies elsewhere, so it is no file of the folder.
            message = "checkpoint %d of those given, %s: %s" % (number, printable(name), refused.message)
            raise Refused(message, code="held-checkpoint") from None

    def _extended(self, ledger, data, single):
        note = checkpoint.open_note(data, ledger.id, ledger.hosts, self._cache.verify, single)
        ledger.extends(note)
        return note

    def _report(self, ledger, segments, own, brought):
        size = ledger.tree.size
        return {
            "artifacts": len(self._artifact_names),
            "artifacts_unnamed": len(self._artifact_names - self._named_artifacts),
            "blobs": len(self._blob_names),
            "blobs_unnamed": len(self._blob_names - self._named_blobs),
            "blocks": size,
            "bodies_absent": ledger.bodies_absent,
            "checkpoint": _head(own.size, own.root),
            "head": _head(size, ledger.tree.roots[size]),
            "held": [_head(note.size, note.root) for note in brought],
            "hosts": sorted(key.hex() for key, host in ledger.hosts.items() if not host.revoked),
            "ledger": ledger.id.hex(),
            "leftovers": self._leftovers,
            "open_attempts": len(ledger.attempts),
            "records": ledger.records,
            "segments": segments,
            "tail": size - max([own.size] + [note.size for note in brought]),
            "tier": "extends" if brought else "consistent",
            "verified": True,
        }


def _head(size, root):
    return {"root": root.hex(), "size": size}


def _blob_path(name):
    return "blobs/%s/%s" % (name[:2], name)


def component_of(content):
    """The artifact that a deployment's body names, or None where the body is of another form."""
    try:
        body = cbor.decode(content, "the body")
    except Refused:
        return None
    name = body.get("component") if isinstance(body, cbor.Map) else None
    return name if isinstance(name, str) and is_hex(name, 32) else None
