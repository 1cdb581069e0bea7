"""Joins: what their inputs are, and what is taken over from them."""

from __future__ import annotations

from flows import Desk


def test_joins(desk: Desk) -> None:
    """Inputs of a join come by name, by place and one after the other; what they left is theirs alone."""
    desk.write("""
        class Joins(FlowSpec):
            @step
            def start(self):
                self.common = {"n": [1]}
                self.next(self.a, self.b, self.join)

            @step
            def a(self):
                self.x = "from a"
                self.next(self.join)

            @step
            def b(self):
                self.x = "from b"
                self.next(self.join)

            @step
            def join(self, inputs):
                assert (inputs.a.x, inputs.b.x) == ("from a", "from b")
                assert (inputs[0].x, inputs[1].x, inputs[-1].common) == ("from a", "from b", {"n": [1]})
                assert [hasattr(one, "x") for one in inputs] == [True, True, False] and len(inputs) == 3
                assert not hasattr(self, "common"), "a join has nothing before it takes it over"
                try:
                    inputs.c
                except AttributeError as error:
                    assert "no input from a step `c`" in str(error)
                self.merge_artifacts(inputs, exclude=["x"])
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch()
    assert desk.artifacts("1")["end"] == [{"common": {"n": [1]}}]


def test_merging(desk: Desk) -> None:
    """merge_artifacts takes what all agree on, and refuses what differs, or is missing, by name."""
    desk.write("""
        from fpack.flow.merge import (
            MergeError, MissingInMergeArtifactsException, UnhandledInMergeArtifactsException)

        class Merge(FlowSpec):
            alpha = Parameter("alpha", default=1)

            @step
            def start(self):
                self.same, self.dropped = list(range(5)), "x"
                self.next(self.a, self.b)

            @step
            def a(self):
                self.one, self.two, self.equal, self.only_a = 1, 1, {"k": (1,)}, "a"
                self.next(self.join)

            @step
            def b(self):
                self.one, self.two, self.equal = 2, 2, {"k": (1,)}
                self.next(self.join)

            @step
            def join(self, inputs):
                try:
                    self.merge_artifacts(inputs)
                except UnhandledInMergeArtifactsException as error:
                    assert error.artifact_names == ["one", "two"] and "one, two" in str(error)
                else:
                    raise AssertionError("merged what differs")
                try:
                    self.merge_artifacts(inputs, include=["same", "only_a"])
                except MissingInMergeArtifactsException as error:
                    assert error.artifact_names == ["only_a"]
                else:
                    raise AssertionError("merged what is missing")
                try:
                    self.merge_artifacts(inputs, include=["same"], exclude=["one"])
                except MergeError as error:
                    assert "not both" in str(error)
                else:
                    raise AssertionError("took both")
                assert not hasattr(self, "same"), "a merge that failed took something over"
                self.one = inputs.a.one + inputs.b.one
                self.merge_artifacts(inputs, exclude=["two", "dropped"])
                assert self.equal == {"k": (1,)}
                self.next(self.end)

            @step
            def end(self):
                pass
    """)
    desk.launch()
    (end,) = desk.artifacts("1")["end"]
    assert end == {"one": 3, "same": [0, 1, 2, 3, 4], "equal": {"k": (1,)}, "only_a": "a"}
