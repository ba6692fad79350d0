"""What is meant: principles, examples, and the policy; prose that a newcomer edits without reading Python."""

from spiritlevel.constitution.loading import load
from spiritlevel.constitution.model import MEASURES, Category, Constitution, Example, Level, Policy, Principle, Threshold, contrasts

__all__ = ["MEASURES", "Category", "Constitution", "Example", "Level", "Policy", "Principle", "Threshold", "contrasts", "load"]
