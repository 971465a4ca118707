"""What people read: of a fit the model card and one HTML page, of an evaluation one page.

A kind of report goes in here; what reports say is `headstart.report.content`, and nothing in here computes a result.
"""

from headstart.report.card import model_card
from headstart.report.html import evaluation_report, html_report

__all__ = ["evaluation_report", "html_report", "model_card"]
