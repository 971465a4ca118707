"""What people read: of a fit the model card and one HTML page, of an evaluation one page."""

from headstart.report.card import model_card
from headstart.report.html import evaluation_report, html_report

__all__ = ["evaluation_report", "html_report", "model_card"]
