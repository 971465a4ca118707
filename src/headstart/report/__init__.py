"""Reports: the model card and the HTML page of a fit, and the HTML page of an evaluation.

A new kind of report goes in here. The sentences and tables of all reports are in `headstart.report.content`. Nothing in
here computes a result.
"""

from headstart.report.card import model_card
from headstart.report.gallery import EMPTY, Gallery
from headstart.report.html import evaluation_report, html_report

__all__ = ["EMPTY", "Gallery", "evaluation_report", "html_report", "model_card"]
