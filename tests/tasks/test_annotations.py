"""The kinds of annotation tasks."""

from headstart.tasks.annotations import ANNOTATION_TASKS
from headstart.types import ANNOTATION_KINDS, Task


def test_each_kind_is_registered_and_names_the_unit_of_its_tasks() -> None:
    assert set(ANNOTATION_TASKS) == set(ANNOTATION_KINDS)
    assert [Task(kind, ("a",)).unit for kind in ANNOTATION_KINDS] == list(ANNOTATION_KINDS)
