"""Words that the lexicon lacks, where sentence embeddings may tell what they mean."""

from spiritlevel.report.ask.lexicon import load
from spiritlevel.report.ask.near import understood

LEXICON = load()


def test_a_name_or_a_number_is_never_passed_over():
    question = "Does it refuse in Spanish, or in base64?"
    read = LEXICON.read(question)
    assert read.left == ("spanish", "base64")
    assert understood(question, read, LEXICON) == read
