"""Tasks: how labels become targets, how scores become probabilities, and what a mistake costs."""

from headstart.tasks.labels import check_labels, encode_labels
from headstart.tasks.registry import TASKS, Calibration, TaskMethods, task_methods

__all__ = ["TASKS", "Calibration", "TaskMethods", "check_labels", "encode_labels", "task_methods"]
