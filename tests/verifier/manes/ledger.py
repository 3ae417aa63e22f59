"""The chain: what every block and record must follow from (FORMAT.md, "What a verifier checks").

Invariant: the state is derived from the genesis record and the blocks taken so far, and from nothing else. After a refusal
the state is not used again: `add` changes it as it goes.
"""

from . import envelope as env
from .block import SUITE
from .errors import Refused
from .hashing import BLOCK_TYPE, KEY_TYPE, ZEROS, commitment_hasher, key_statement, pae
from .tree import Tree, leaf


class Host:
    """Where one host key's chain is at."""

    __slots__ = ("revoked", "incarnation", "number", "previous")

    def __init__(self):
        self.revoked = False
        self.incarnation = 0
        self.number = 0
        self.previous = ZEROS


class Attempt:
    """A running attempt: its activation, its calls so far, its intents by leaf hash."""

    __slots__ = ("activation", "calls", "intents")

    def __init__(self, activation):
        self.activation = activation
        self.calls = 0
        self.intents = set()


class Intent:
    """An intent of a running attempt."""

    __slots__ = ("start", "call", "answered")

    def __init__(self, start, call):
        self.start = start
        self.call = call
        self.answered = False


class Ledger:
    """A ledger, block by block. `cache` verifies signatures; `blobs(digest, hasher)` feeds a blob's content to `hasher` and
    returns its length, or raises `Refused` where there is no such blob."""

    def __init__(self, cache, blobs):
        self._cache = cache
        self._blobs = blobs
        self.id = None
        self.root_key = None
        self.hosts = {}  # key -> Host, in the order of enrolment
        self.tree = Tree()
        self.records = 0
        self.bodies_absent = 0
        self.attempts = {}
        self._events = set()
        self._deployments = set()
        self._intents = {}

    @property
    def blocks(self):
        return self.tree.size

    def add(self, block):
        """Takes the next block, or says what of it cannot be true. The numbers are those of FORMAT.md's steps."""
        header = block.header
        # 2
        if header.count != len(block.envelopes):
            raise Refused("the header counts %d records, and there are %d" % (header.count, len(block.envelopes)))
        if header.count == 0:
            raise Refused("a block without records")
        if header.root != block.root:
            raise Refused("the header's root is not the root over the envelopes")
        # 3
        if self.id is None:
            self._begin(block.envelopes[0])
        # 4
        for index, record in enumerate(block.envelopes):
            if record.kind == env.KEY:
                self._in_record(self._key_record, index, record)
        # 5
        if header.ledger != self.id:
            raise Refused("the block is of another ledger: %s" % header.ledger.hex())
        host = self.hosts.get(header.host)
        if host is None:
            raise Refused("the host key %s is not enrolled" % header.host.hex())
        if host.revoked:
            raise Refused("the host key %s is revoked" % header.host.hex())
        # 6
        self._check_seal(block)
        # 7
        if header.number != host.number:
            raise Refused("number %d of its host's chain, which is at %d" % (header.number, host.number))
        if header.previous != host.previous:
            raise Refused("it does not follow its host's previous block")
        # 8
        if header.incarnation < max(1, host.incarnation):
            raise Refused("incarnation %d after %d" % (header.incarnation, host.incarnation))
        # 9
        if header.first != self.records:
            raise Refused("its first record is %d, and the ledger has %d" % (header.first, self.records))
        # 10
        if header.head_size > self.tree.size:
            raise Refused("it names a head of %d blocks, and %d are before it" % (header.head_size, self.tree.size))
        if header.head_root != self.tree.roots[header.head_size]:
            raise Refused("it names another root of the ledger's first %d blocks" % header.head_size)
        # 11
        for index, record in enumerate(block.envelopes):
            self._in_record(self._check_body, index, record, block.bodies[index])
        # 12
        for index, record in enumerate(block.envelopes):
            self._in_record(self._follow, index, record)
        # 13
        self.tree.append(leaf(header.hash))
        self.records += header.count
        host.incarnation = header.incarnation
        host.number += 1
        host.previous = header.hash

    def _in_record(self, check, index, record, *more):
        """Runs a check of one record, and names the record in its refusal."""
        number = self.records + index
        try:
            check(number, record, *more)
        except Refused as refused:
            raise refused.at(base=record.position, record=number)

    def _begin(self, first):
        if first.kind != env.GENESIS:
            raise Refused("the first record is of kind %s, not genesis" % env.kind_name(first.kind), first.position)
        env.require(first, "key", "nonce")
        self.id = first.leaf
        self.root_key = first.key

    def _key_record(self, _number, record):
        env.require(record, "key", "signature", "status")
        if record.status not in (0, 1):
            raise Refused("a key record with status %d" % record.status)
        statement = pae(KEY_TYPE, key_statement(self.id, record.status, record.key))
        if not self._cache.verify(self.root_key, statement, record.signature):
            raise Refused("the root key's signature on the key record is not valid")
        host = self.hosts.get(record.key)
        if record.status == 0:
            if host is not None:
                raise Refused("the key %s is enrolled again" % record.key.hex())
            self.hosts[record.key] = Host()
        else:
            if host is None:
                raise Refused("the key %s is revoked, and was not enrolled" % record.key.hex())
            host.revoked = True

    def _check_seal(self, block):
        if len(block.seal) != 1:
            raise Refused("the seal has %d signatures, not one" % len(block.seal))
        suite, key, signature = block.seal[0]
        if suite != SUITE:
            raise Refused("the seal is of suite %d; this verifier knows %d" % (suite, SUITE))
        if key != block.header.host:
            raise Refused("the seal is by another key than the header's host")
        if not self._cache.verify(key, pae(BLOCK_TYPE, block.header.raw), signature):
            raise Refused("the signature on the header is not valid")

    def _check_body(self, _number, record, body):
        if body is None:
            if record.body is not None:
                self.bodies_absent += 1
            return
        if record.body is None:
            raise Refused("a body is stored, and the envelope has no commitment")
        hasher = commitment_hasher(body.salt)
        if body.digest is None:
            hasher.update(body.inline)
            length = len(body.inline)
        else:
            length = self._blobs(body.digest, hasher)
        digest, committed = record.body
        if length != committed:
            raise Refused("the body has %d bytes, and the envelope commits to %d" % (length, committed))
        if hasher.digest() != digest:
            raise Refused("the body is not what the envelope commits to")

    def _follow(self, number, record):
        """Records follow from each other."""
        kind = record.kind
        # An absent cause counts as 32 zero bytes, which are no record's leaf hash.
        cause = ZEROS if record.cause is None else record.cause
        if kind == env.GENESIS:
            if number != 0:
                raise Refused("a genesis record that is not the first record")
        elif kind == env.DEPLOYMENT:
            env.require(record, "agent")
            self._deployments.add(record.leaf)
        elif kind == env.EVENT:
            env.require(record, "event", "flow")
            self._events.add(record.leaf)
        elif kind == env.START:
            self._start(record, cause)
        elif kind == env.INTENT:
            self._attempt(record, cause).intents.add(record.leaf)
            if record.leaf in self._intents:
                raise Refused("the same intent again")
            self._intents[record.leaf] = Intent(cause, record.call)
        elif kind == env.OUTCOME:
            self._outcome(record, cause)
        elif kind == env.END:
            attempt = self._attempt(record, cause)
            env.require(record, "calls")
            if record.calls != attempt.calls:
                raise Refused("the end counts %d calls, and the attempt has %d" % (record.calls, attempt.calls))
            for intent in attempt.intents:
                del self._intents[intent]
            del self.attempts[cause]
        elif kind in (env.UNROUTED, env.CONFLICT):
            self._event_cause(record, cause)

    def _event_cause(self, record, cause):
        if cause not in self._events:
            raise Refused("the cause of a record of kind %s is no earlier event" % env.kind_name(record.kind))

    def _start(self, record, cause):
        self._event_cause(record, cause)
        if (record.deployment or ZEROS) not in self._deployments:
            raise Refused("the deployment of a start is no earlier deployment")
        env.require(record, "activation")
        if record.leaf in self.attempts:
            raise Refused("the same start again while it is running")
        self.attempts[record.leaf] = Attempt(record.activation)

    def _attempt(self, record, start):
        """The running attempt that `start` began, of the record's activation."""
        name = env.kind_name(record.kind)
        attempt = self.attempts.get(start)
        if attempt is None:
            raise Refused("a record of kind %s, and no such attempt is running" % name)
        env.require(record, "activation")
        if record.activation != attempt.activation:
            raise Refused("a record of kind %s of another activation than its attempt" % name)
        return attempt

    def _outcome(self, record, cause):
        part = record.part or 0
        intent = self._intents.get(cause)
        if intent is None:
            start = cause
        else:
            start = intent.start
            if record.call != intent.call:
                raise Refused("the outcome is of call %s, and its intent of call %s" % (record.call, intent.call))
            if part == 0 and intent.answered:
                raise Refused("a second outcome for the same intent")
            if part != 0 and not intent.answered:
                raise Refused("part %d of an outcome before part 0" % part)
        attempt = self._attempt(record, start)
        if part == 0:
            attempt.calls += 1
            if intent is not None:
                intent.answered = True

    def extends(self, checkpoint):
        """Refuses unless this ledger continues the checkpoint, whose signature was checked before."""
        if checkpoint.size > self.tree.size:
            raise Refused(
                "the checkpoint is of %d blocks, and the ledger has %d: it was cut or rolled back"
                % (checkpoint.size, self.tree.size)
            )
        if checkpoint.root != self.tree.roots[checkpoint.size]:
            raise Refused("the checkpoint has another root at %d blocks: the ledger was rewritten" % checkpoint.size)
