"""Settings of all tests."""

from hypothesis import settings

settings.register_profile("nasframe", deadline=None)  # tests are not timed
settings.load_profile("nasframe")
