"""Runs in a root: beginning one, writing down what happens in it, and reading it back at any moment."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from fpack.errors import NotFoundError, StoreError
from fpack.store import keys
from fpack.store.keys import TaskKey
from fpack.store.records import FORMAT, Adoption, RunEnd, RunRecord, TaskRecord, Wave
from fpack.store.root import Root


class Runs:
    """The runs of a root. Nothing is ever changed once written, so what is read is always whole."""

    def __init__(self, root: Root) -> None:
        self.root = root

    def begin(self, record: RunRecord, first: Sequence[Wave | Adoption] = ()) -> RunRecord:
        """Write down a new run, under the next free number; two launchers never get the same one.

        The `first` entries of its journal are there before the run is: were it to exist with only some of the
        tasks that it takes over, whoever goes on from it would do the others again.
        """
        number = self._newest() + 1
        while not self.root.create(keys.claim_key(number), record.flow.encode()):
            number += 1
        begun = dataclasses.replace(record, run=str(number))
        for place, entry in enumerate(first, 1):
            self.add_wave(record.flow, begun.run, place, entry)
        self._create(keys.run_key(record.flow, begun.run), begun.to_json())
        # Only saves the next launcher from listing every number that there ever was.
        self.root.put("runs/newest", str(number).encode())
        return begun

    def _newest(self) -> int:
        try:
            hint = int(self.root.get("runs/newest"))
        except (KeyError, ValueError):
            hint = 0
        claimed = self.root.children("runs", after=f"{hint:09d}")[1]
        return max([hint, *(int(name) for name in claimed if name.isdigit())])

    def end(self, flow: str, run: str, end: RunEnd) -> bool:
        return self._create(keys.end_key(flow, run), end.to_json())

    def add_wave(self, flow: str, run: str, number: int, entry: Wave | Adoption) -> None:
        """Write down a decision before it is acted upon; StoreError when somebody else took this turn."""
        if not self._create(keys.wave_key(flow, run, number), entry.to_json()):
            raise StoreError(
                f"run {run} is driven by another launcher as well",
                hint=f"`fpack ps` shows it; `fpack stop {run}` ends it",
            )

    def add_record(self, flow: str, record: TaskRecord) -> bool:
        """Write down how an attempt ended; False when that is written already, which then holds."""
        return self._create(keys.record_key(flow, record.key), record.to_json())

    def _create(self, key: str, data: dict[str, Any]) -> bool:
        return self.root.create(key, json.dumps(data, separators=(",", ":")).encode())

    def read_run(self, flow: str, run: str) -> RunRecord:
        try:
            return RunRecord.from_json(_parse(self.root.get(keys.run_key(flow, run)), f"run {run}"))
        except KeyError:
            raise NotFoundError(
                f"there is no run {flow}/{run} in {self.root.url}", hint="`fpack ps` lists them"
            )

    def read_end(self, flow: str, run: str) -> RunEnd | None:
        try:
            return RunEnd.from_json(_parse(self.root.get(keys.end_key(flow, run)), f"the end of run {run}"))
        except KeyError:
            return None

    def read_record(self, flow: str, key: TaskKey) -> TaskRecord | None:
        return self.read_records(flow, [key])[0]

    def read_records(self, flow: str, wanted: Sequence[TaskKey]) -> list[TaskRecord | None]:
        """The records of these attempts, in their order; None for one that has not ended."""
        found = self.root.get_many([keys.record_key(flow, key) for key in wanted])
        return [
            data and TaskRecord.from_json(_parse(data, f"task {key.pathspec}"))  # type: ignore[misc]
            for key, data in zip(wanted, found, strict=True)
        ]

    def read_journal(self, flow: str, run: str) -> list[Wave | Adoption]:
        folder = f"{keys.run_folder(flow, run)}/journal"
        names = self.root.children(folder)[1]
        entries: list[Wave | Adoption] = []
        for data in self.root.get_many([f"{folder}/{name}" for name in names]):
            entry = _parse(data or b"", f"the journal of run {run}")
            wave = Wave.from_json(entry)
            entries.append(Adoption(TaskKey(*entry["adopt"]), wave) if "adopt" in entry else wave)
        return entries

    def flows(self) -> list[str]:
        return self.root.children("flows")[0]

    def numbers(self, flow: str) -> list[str]:
        """The ids of a flow's runs, newest first."""
        found = self.root.children(f"flows/{flow}")[0]
        return sorted(
            found, key=lambda run: (run.isdigit(), int(run) if run.isdigit() else 0, run), reverse=True
        )

    def find(self, spec: str) -> tuple[str, str]:
        """`Flow/40` or `40` to (flow, run); NotFoundError when there is none."""
        flow, _, run = spec.rpartition("/")
        if not flow and run.isdigit():
            try:
                flow = self.root.get(keys.claim_key(int(run))).decode()
            except KeyError:
                flow = ""
        if not flow or not self.root.exists(keys.run_key(flow, run)):
            raise NotFoundError(f"there is no run {spec} in {self.root.url}", hint="`fpack ps` lists them")
        return flow, run


def _parse(data: bytes, what: str) -> dict[str, Any]:
    try:
        parsed: dict[str, Any] = json.loads(data)
        version = parsed["v"]
    except (ValueError, KeyError, TypeError):
        raise StoreError(
            f"{what} cannot be read: its file is damaged", hint="restore it, or run the flow again"
        ) from None
    if version > FORMAT:
        raise StoreError(f"{what} was written by a newer fpack", hint="upgrade fpack to read it")
    return parsed
