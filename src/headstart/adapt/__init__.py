"""Adaptation: what maps one domain onto another, weighs its rows or corrects its class shares, without target labels.

Each method is a module named as in the literature and works on arrays only. Sources, models and files do not belong
here.
"""
