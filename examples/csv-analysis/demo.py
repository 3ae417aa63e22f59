#!/usr/bin/env python3
"""The csv-analysis example from start to end, through the `manes` binary alone.

    demo.py                          a question about the penguins that ship with the example
    demo.py "QUESTION" FILE.csv      any question about any file

Starts a host, loads the table capability into it while it runs, asks, shows the flow, verifies the ledger, replays
the flow from the record, and lets an agent try a request that nobody granted. Everything lies under target/demo
(or MANES_DEMO); the host is stopped at the end.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = Path(__file__).resolve().parent
MANES = ROOT / "target" / "release" / "manes"
DEMO = Path(os.environ.get("MANES_DEMO") or ROOT / "target" / "demo")
LEDGER = DEMO / "ledger"
MANIFEST = DEMO / "manes.toml"
QUESTION = "mean body_mass_g by species?"
DATA = EXAMPLE / "data" / "penguins.csv"


def fail(message):
    sys.exit(f"demo: {message}")


def say(label, text):
    print(f"  {label:<9} {text}", flush=True)


def manes(*args, check=True):
    """Runs one command and returns what it printed; its exit code must be in what the caller expects."""
    command = [str(MANES), "--manifest", str(MANIFEST), "--ledger", str(LEDGER), *args]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if check and done.returncode not in (0, 3):
        fail(f"`manes {' '.join(args)}` ended with {done.returncode}")
    return done.stdout


def toml_string(text):
    return json.dumps(str(text), ensure_ascii=False)


def write_manifest(folder):
    """The example's manifest, with the folder of the asked file, and the table left to be loaded later."""
    text = (EXAMPLE / "manes.toml").read_text()
    text = text.replace('"../../guests/', f'"{ROOT}/guests/')
    granted = 'directories = [{ host = "data"'
    if granted not in text or "[capability.table]" not in text:
        fail("the example's manifest has changed: it grants no folder \"data\" to a capability named table")
    text = text.replace(granted, f"directories = [{{ host = {toml_string(folder)}")
    text = text.replace("[capability.table]", "[capability.table]\nload = false")
    DEMO.mkdir(parents=True, exist_ok=True)
    MANIFEST.write_text(text)


class Host:
    """`manes up` in the background, stopped by its own process id."""

    def __enter__(self):
        os.environ.setdefault("MANES_LOG", "error")
        command = [str(MANES), "--manifest", str(MANIFEST), "--ledger", str(LEDGER), "--json", "up"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        if not self.process.stdout.readline():
            self.process.wait()
            fail("the host did not start")
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)


def joined(names):
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def load():
    started = json.loads(manes("--json", "load", "table"))["started"]
    verb = "starts" if len(started) == 1 else "start"
    say("load", f"table.wasm · {joined(started)} {verb}" if started else "table.wasm")


def ask(question, name):
    """Asks; returns the flow's id and the topic of its answer."""
    say("question", question)
    data = json.dumps({"question": question, "file": name})
    reply = json.loads(manes("--json", "run", "csv.question", data))
    flow = reply["flow"]
    topics = {result["topic"]: json.loads(result["data"]) for result in reply["results"]}
    if "csv.answered" in topics:
        answer = topics["csv.answered"]
        say("answer", json.dumps(answer["answer"], ensure_ascii=False))
        for note in answer["notes"]:
            say("note", note)
    elif "csv.rejected" in topics:
        rejected = topics["csv.rejected"]
        say("rejected", f"by the {rejected['stage']}: {rejected['reason']}")
        understands = rejected.get("understands") or {}
        for line in understands.get("grammar", []) + understands.get("examples", []):
            say("", line)
    else:
        say("no answer", f"the flow is {reply['status']}; its activations say why")
    return flow


def show(flow):
    """The flow as a tree; its first lines are the head and the question, said above."""
    lines = manes("flow", flow).splitlines()
    print(f"  flow {flow[:8]}…")
    for line in lines[2:]:
        print(f"  {line}")


def replay(flow):
    verdicts = json.loads(manes("--json", "replay", flow, check=False))
    same = sum(verdict["identical"] for verdict in verdicts)
    fuel = "equal fuel" if all(v["fuel"] == "equal" for v in verdicts) else "fuel not comparable"
    say("replay", f"{same}/{len(verdicts)} identical, no network, {fuel}")
    for verdict in verdicts:
        if not verdict["identical"]:
            say("", f"{verdict['agent']} diverged: manes --ledger target/demo/ledger replay {flow[:8]}")
    return same == len(verdicts)


def probe():
    """An agent tries a request that it was not granted."""
    reply = json.loads(manes("--json", "run", "probe.requested", json.dumps({"url": "https://example.com/"})))
    flow = json.loads(manes("--json", "flow", reply["flow"]))
    denials = [call["denial"] for a in flow["activations"] for call in a["calls"] if call["denied"]]
    if not denials:
        fail("the prober's request was not denied")
    say("denied", f"prober {denials[0].replace(' is not granted; allow with:', ' · allow with:')}")


def main():
    if len(sys.argv) not in (1, 3):
        fail('give nothing, or a question and a file: ./justw demo "mean price by city?" sales.csv')
    question, path = (sys.argv[1], Path(sys.argv[2])) if len(sys.argv) == 3 else (QUESTION, DATA)
    if not path.is_absolute():
        path = Path(os.environ.get("INVOKED_FROM", os.getcwd())) / path
    if not path.is_file():
        fail(f"there is no file {path}")
    if not MANES.is_file():
        fail("the host is not built; run ./justw build guests")
    os.environ.setdefault("MANES_HOME", str(DEMO / "home"))
    path = path.resolve()
    write_manifest(path.parent)
    with Host():
        load()
        flow = ask(question, path.name)
        show(flow)
        verified = manes("verify", check=False).splitlines()
        say("verify", verified[0] if verified else "NOT VERIFIED")
        identical = replay(flow)
        probe()
    say("next", f"target/release/manes --ledger target/demo/ledger flow {flow[:4]} --calls")
    sys.exit(0 if verified and identical else 1)


main()
