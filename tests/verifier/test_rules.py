"""The chain rules, against ledgers whose keys the test holds: everything is signed well, and one thing is untrue."""

import unittest

from manes import hashing
from manes.block import Block
from manes.tree import leaf
from support import HOST, ROOT, SECOND, Writer, body_of, encode, finding, key_record, verify

ACTIVATION = b"A" * 32
DEPLOYMENT = encode({0: 2, 1: 0, 9: "adder", 20: 0})
EVENT = encode({0: 3, 1: 0, 5: bytes(16), 6: bytes(32)})


def start(event, deployment, **more):
    return {0: 4, 1: 0, 4: event, 10: ACTIVATION, 12: deployment, **{int(k[1:]): v for k, v in more.items()}}


class Case(unittest.TestCase):
    def accepted(self, writer, **options):
        refused = finding(writer.folder() if isinstance(writer, Writer) else writer, **options)
        self.assertIsNone(refused, str(refused))

    def refused(self, writer, words, **options):
        refused = finding(writer.folder() if isinstance(writer, Writer) else writer, **options)
        self.assertIsNotNone(refused, "accepted; expected: " + words)
        self.assertIn(words, str(refused))
        return refused


class Blocks(Case):
    def test_smallest(self):
        report = verify(Writer().folder())
        self.assertEqual((report["blocks"], report["records"], report["tail"], report["tier"]), (1, 2, 0, "consistent"))

    def test_other_ledger(self):
        writer = Writer()
        self.accepted(writer, ledger_id=writer.ledger)
        self.assertEqual(self.refused(writer, "not the one expected", ledger_id=bytes(32)).code, "other-ledger")

    def test_counts(self):
        for header, words in (
            ({8: 2}, "counts 2"), ({9: bytes(32)}, "root over the envelopes"), ({2: bytes(32)}, "another ledger"),
            ({5: 2}, "number 2"),
            ({6: bytes(32)}, "previous block"), ({4: 0}, "incarnation 0"), ({7: 1}, "first record is 1"),
            ({7: 3}, "first record is 3"),
            ({11: [2, bytes(32)]}, "head of 2 blocks"), ({11: [1, bytes(32)]}, "another root"),
            ({11: [0, bytes(32)]}, "another root"),
            ({3: SECOND.public}, "not enrolled"), ({0: 2}, "format 2"), ({1: 2}, "suite 2"), ({12: 0}, "13 pairs"),
        ):
            with self.subTest(words):
                writer = Writer()
                writer.block([EVENT], header=header)
                self.refused(writer, words)

    def test_fields_without_a_rule(self):
        writer = Writer()
        writer.block([EVENT], header={10: 2**64 - 1, 4: 2**64 - 1})
        writer.block([EVENT], header={4: 2**64 - 1, 11: [0, writer.tree.roots[0]]})
        self.accepted(writer)
        writer.block([EVENT], header={4: 5})
        self.refused(writer, "incarnation 5 after")

    def test_no_records(self):
        writer = Writer()
        writer.block([])
        self.refused(writer, "without records")

    def test_seal(self):
        for seal, words in (
            ([], "0 signatures"), ([[2, HOST.public, bytes(64)]], "suite 2"),
            ([[1, SECOND.public, bytes(64)]], "another key"),
            ([[1, HOST.public, bytes(64)]], "signature on the header"),
            ([[1, HOST.public, HOST.sign(b"x")]] * 2, "2 signatures"),
        ):
            with self.subTest(words):
                writer = Writer()
                writer.block([EVENT], seal=seal)
                self.refused(writer, words)

    def test_seal_needs_the_pae(self):
        writer = Writer()
        writer.block([EVENT])
        raw = Block(writer.payloads.pop()).header.raw
        writer.payloads.append(encode([raw, [[1, HOST.public, HOST.sign(raw)]], [EVENT], [None]]))
        self.refused(writer, "signature on the header")

    def test_bodies(self):
        commitment, stored = body_of(b"hello")
        envelope = {0: 3, 1: 0, 3: commitment, 5: bytes(16), 6: bytes(32)}
        other = body_of(b"hello", b"t" * 16)[1]
        for record, bodies, words in (
            (envelope, [stored], None), (envelope, [None], None), (EVENT, [None], None), (EVENT, [stored], "no commitment"),
            (envelope, [other], "commits to"), (envelope, [[stored[0], b"hellO"]], "commits to"),
            (envelope, [[stored[0], b"hell"]], "4 bytes"),
            (envelope, [], "0 bodies"), (envelope, [stored, None], "2 bodies"),
            (envelope, [[bytes(16), bytes(32), 0]], "missing"),
            ({**envelope, 3: [commitment[0], 6]}, [stored], "5 bytes"),
        ):
            with self.subTest(words):
                writer = Writer()
                writer.block([record], bodies)
                if words is None:
                    self.accepted(writer)
                else:
                    self.refused(writer, words)

    def test_absent_bodies_are_counted(self):
        writer = Writer()
        writer.block([{0: 3, 1: 0, 3: body_of(b"x")[0], 5: bytes(16), 6: bytes(32)}, EVENT])
        self.assertEqual(verify(writer.folder())["bodies_absent"], 1)

    def test_blob(self):
        commitment, _ = body_of(b"hello")
        name = hashing.sha256(b"hello").hex()
        writer = Writer()
        writer.block([{0: 3, 1: 0, 3: commitment, 5: bytes(16), 6: bytes(32)}], [[b"s" * 16, bytes.fromhex(name), 0]])
        path = "blobs/%s/%s" % (name[:2], name)
        report = verify(writer.folder({path: b"hello"}))
        self.assertEqual((report["blobs"], report["blobs_unnamed"], report["bodies_absent"]), (1, 0, 0))
        self.refused(writer.folder({path: b"hellO"}), "SHA-256")
        self.refused(writer.folder(), "missing")


class Keys(Case):
    def test_genesis(self):
        for genesis, words in (
            ({0: 3, 1: 0, 24: ROOT.public, 26: bytes(16)}, "not genesis"), ({0: 0, 1: 0, 26: bytes(16)}, "no key"),
            ({0: 0, 1: 0, 24: ROOT.public}, "no nonce"),
            ({0: 0, 1: 0, 24: bytes(32), 26: bytes(16)}, "root key's signature"),
        ):
            with self.subTest(words):
                self.refused(Writer(genesis), words)

    def test_genesis_again(self):
        for record in (Writer.GENESIS, {0: 0, 1: 5}):
            writer = Writer()
            writer.block([record])
            self.refused(writer, "not the first record")
        writer = Writer(begin=False)
        writer.block([writer.genesis, key_record(writer.ledger, HOST), writer.genesis])
        self.refused(writer, "not the first record")

    def test_first_block_without_a_key(self):
        writer = Writer(begin=False)
        writer.block([writer.genesis, EVENT])
        self.refused(writer, "not enrolled")

    def test_key_records(self):
        def changed(record, **more):
            return {**record, **{int(k[1:]): v for k, v in more.items()}}

        ledger = Writer().ledger
        good = key_record(ledger, SECOND)
        for record, words in (
            (good, None), (key_record(ledger, SECOND, root=HOST), "root key's signature"),
            (key_record(ledger, HOST), "enrolled again"),
            (key_record(bytes(32), SECOND), "root key's signature"), (key_record(ledger, SECOND, 1), "was not enrolled"),
            (changed(good, k20=1), "root key's signature"), (changed(good, k20=2), "status 2"), (changed(good, k1=99), None),
            ({k: good[k] for k in good if k != 20}, "no status"), ({k: good[k] for k in good if k != 24}, "no key"),
            ({k: good[k] for k in good if k != 25}, "no signature"),
        ):
            with self.subTest(words):
                writer = Writer()
                writer.block([record])
                if words is None:
                    self.accepted(writer)
                else:
                    self.refused(writer, words)

    def test_two_hosts(self):
        writer = Writer()
        writer.block([key_record(writer.ledger, SECOND)], host=SECOND)
        writer.block([EVENT])
        writer.block([EVENT], host=SECOND, header={4: 7})
        report = verify(writer.folder())
        self.assertEqual(report["hosts"], sorted([HOST.public.hex(), SECOND.public.hex()]))
        writer.block([EVENT], header={11: [1, writer.tree.roots[1]]})
        self.accepted(writer)

    def test_revocation(self):
        writer = Writer()
        revoke = key_record(writer.ledger, HOST, 1)
        writer.block([key_record(writer.ledger, SECOND)])
        old = writer.note()
        writer.block([revoke], host=SECOND)
        # What the revoked key signed before still binds, and so it may sign the folder's checkpoint.
        self.accepted(writer)
        self.accepted(writer, held=[old])
        self.assertEqual(verify(writer.folder())["hosts"], [SECOND.public.hex()])
        for record, words in ((key_record(writer.ledger, HOST), "enrolled again"), (revoke, None)):
            more = Writer()
            more.block([key_record(writer.ledger, SECOND)])
            more.block([revoke], host=SECOND)
            more.block([record], host=SECOND)
            self.accepted(more) if words is None else self.refused(more, words)
        writer.block([EVENT])
        self.refused(writer, "is revoked")

    def test_not_by_the_key_that_it_revokes(self):
        writer = Writer()
        writer.block([key_record(writer.ledger, HOST, 1)])
        self.refused(writer, "is revoked")


class Records(Case):
    def run_records(self, groups, words=None):
        """`groups` are lists of records for one block each; functions get the leaf hashes so far."""
        for together in (False, True):
            writer = Writer()
            leaves = []
            encoded = []
            for record in groups:
                record = record(leaves) if callable(record) else record
                record = record if isinstance(record, bytes) else encode(record)
                leaves.append(leaf(record))
                encoded.append(record)
            if together:
                writer.block(encoded)
            else:
                for record in encoded:
                    writer.block([record])
            if words is None:
                self.accepted(writer)
            else:
                self.assertEqual(self.refused(writer, words).code, "chain")
        return verify(writer.folder()) if words is None else None

    BEGIN = [DEPLOYMENT, EVENT, lambda h: start(h[1], h[0])]

    @staticmethod
    def intent(call=1, **more):
        return lambda h: {0: 5, 1: 0, 4: h[2], 10: ACTIVATION, 13: call, **{int(k[1:]): v for k, v in more.items()}}

    @staticmethod
    def outcome(cause, **more):
        return lambda h: {0: 6, 1: 0, 4: h[cause], 10: ACTIVATION, **{int(k[1:]): v for k, v in more.items()}}

    @staticmethod
    def end(calls, **more):
        return lambda h: {0: 7, 1: 0, 4: h[2], 10: ACTIVATION, 22: calls, **{int(k[1:]): v for k, v in more.items()}}

    def test_whole_attempt(self):
        report = self.run_records(self.BEGIN + [
            self.intent(1), self.outcome(3, k13=1), self.outcome(3, k13=1, k14=1), self.outcome(3, k13=1, k14=9),
            self.outcome(2, k13=2),
            self.outcome(2, k13=3, k14=0), self.outcome(2, k13=3, k14=1), self.intent(4), self.end(3),
            lambda h: {0: 8, 1: 0, 4: h[1]}, lambda h: {0: 9, 1: 0, 4: h[1]}, {0: 77, 1: 0, 2: True, 4: bytes(32)},
            {0: 10, 1: 0},
        ])
        self.assertEqual(report["open_attempts"], 0)
        self.assertEqual(self.run_records(self.BEGIN)["open_attempts"], 1)

    def test_required_fields(self):
        self.run_records([{0: 2, 1: 0}], "no agent")
        self.run_records([{0: 3, 1: 0, 6: bytes(32)}], "no flow")
        self.run_records([{0: 3, 1: 0, 5: bytes(16)}], "no event")

    def test_starts(self):
        self.run_records([DEPLOYMENT, EVENT, lambda h: start(h[0], h[0])], "no earlier event")
        self.run_records([DEPLOYMENT, EVENT, lambda h: start(h[1], h[1])], "no earlier deployment")
        self.run_records([DEPLOYMENT, EVENT, lambda h: {0: 4, 1: 0, 4: h[1], 12: h[0]}], "no activation")
        self.run_records([DEPLOYMENT, EVENT, lambda h: {0: 4, 1: 0, 10: ACTIVATION, 12: h[0]}], "no earlier event")
        self.run_records([DEPLOYMENT, EVENT, lambda h: {0: 4, 1: 0, 10: ACTIVATION, 4: h[1]}], "no earlier deployment")
        self.run_records(self.BEGIN + [lambda h: start(h[1], h[0])], "the same start again")
        self.run_records(self.BEGIN + [self.end(0), lambda h: start(h[1], h[0]), self.end(0)])
        self.run_records(self.BEGIN + [lambda h: start(h[1], h[0], k11=2)])

    def test_cause_in_the_future(self):
        self.run_records([{0: 8, 1: 0, 4: leaf(EVENT)}, EVENT], "no earlier event")

    def test_intents(self):
        self.run_records(self.BEGIN + [self.intent(1), self.intent(2)])
        self.run_records(self.BEGIN + [self.intent(1), self.intent(1)], "the same intent again")
        self.run_records(self.BEGIN + [self.intent(1, k10=bytes(32))], "another activation")
        self.run_records(self.BEGIN + [lambda h: {0: 5, 1: 0, 4: h[2]}], "no activation")
        self.run_records(self.BEGIN + [lambda h: {0: 5, 1: 0, 10: ACTIVATION}], "no such attempt")
        self.run_records(self.BEGIN + [self.end(0), self.intent(1)], "no such attempt")
        self.run_records(self.BEGIN + [self.intent(1), self.end(0), lambda h: start(h[1], h[0]), self.intent(1)])

    def test_outcomes(self):
        both = self.BEGIN + [self.intent(1)]
        self.run_records(both + [self.outcome(3, k13=2)], "call 2")
        self.run_records(both + [self.outcome(3)], "call None")
        self.run_records(both + [self.outcome(3, k13=1), self.outcome(3, k13=1)], "second outcome")
        self.run_records(both + [self.outcome(3, k13=1, k14=1)], "before part 0")
        self.run_records(both + [self.outcome(3, k13=1, k10=bytes(32))], "another activation")
        self.run_records(both + [self.outcome(1, k13=1)], "no such attempt")
        self.run_records(both + [lambda h: {0: 6, 1: 0, 4: h[3], 13: 1}], "no activation")
        self.run_records(both + [self.end(0), self.outcome(3, k13=1)], "no such attempt")
        self.run_records(self.BEGIN + [lambda h: {0: 5, 1: 0, 4: h[2], 10: ACTIVATION}, self.outcome(3)])

    def test_ends(self):
        self.run_records(self.BEGIN + [self.end(1)], "counts 1 calls")
        self.run_records(self.BEGIN + [self.outcome(2), self.end(0)], "counts 0 calls")
        self.run_records(self.BEGIN + [self.outcome(2, k14=1), self.end(0)])
        self.run_records(self.BEGIN + [lambda h: {0: 7, 1: 0, 4: h[2], 10: ACTIVATION}], "no calls")
        self.run_records(self.BEGIN + [self.end(0, k10=bytes(32))], "another activation")
        self.run_records(self.BEGIN + [self.end(0), self.end(0, k1=1)], "no such attempt")

    def test_unrouted_and_conflict(self):
        for kind in (8, 9):
            self.run_records([EVENT, lambda h: {0: kind, 1: 0}], "no earlier event")
            self.run_records([EVENT, DEPLOYMENT, lambda h: {0: kind, 1: 0, 4: h[1]}], "no earlier event")


if __name__ == "__main__":
    unittest.main()
