"""Flask's own configuration, under the names that the tutorial's tests load."""


class BaseConfig:
    """Settings that all configurations share."""

    TESTING = False


class DevelopmentConfig(BaseConfig):
    """For work on the code."""


class TestingConfig(BaseConfig):
    """For tests: errors reach the test client."""

    TESTING = True
