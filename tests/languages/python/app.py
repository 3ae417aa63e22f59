"""An agent as a Python author writes it: standard library only, nothing of Manes but the generated types.

It does on purpose what makes a program different each time it runs: the clock, randomness, the environment, the hash seed.
The host grants it nothing, so each of these goes through the base world, and replay must find every byte again.
"""

import json
import os
import random
import sys
import time

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import context, log
from wit_world.imports.types import Description, Draft, Event, Failure_Reject, Payload_Text


class Handler(exports.Handler):
    def describe(self) -> Description:
        return Description("python", "1.0.0", "what a stock Python program sees", ["python.asked"], ["python.answered"], [], [])

    def handle(self, event: Event) -> list[Draft]:
        try:
            asked = json.loads(event.data.value)
        except ValueError as error:
            raise Err(Failure_Reject("not JSON: %s" % error))
        print("asked", json.dumps(asked, sort_keys=True))
        print("to standard error", file=sys.stderr)
        log.write(log.Level.INFO, "answering", [("attempt", str(context.attempt()))])
        numbers = asked.get("numbers", [])
        answer = {
            "sum": sum(numbers),
            "mean": sum(numbers) / len(numbers) if numbers else None,
            "time_ns": time.time_ns(),
            "monotonic_positive": time.monotonic() >= 0,
            "random": [random.random(), random.randrange(1 << 64), os.urandom(8).hex()],
            "hash": hash("the same word"),
            "environment": dict(os.environ),
            "arguments": sys.argv,
            "greeting": context.config("greeting"),
            "denied": refusal(lambda: open("/etc/passwd", encoding="utf-8").read()),
        }
        return [Draft("python.answered", "application/json", Payload_Text(json.dumps(answer)), 0, [])]


def refusal(attempt):
    """The name of the error that `attempt` meets, or what it got."""
    try:
        return attempt()
    except OSError as error:
        return type(error).__name__
