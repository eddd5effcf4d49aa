"""The address that a mail goes to."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr
from pydantic_core import PydanticCustomError


def _check(address: str) -> str:
    # RFC 5322 permits such an address, but nobody has one. Programs that wrongly decode it
    # (RFC 2047, 5) would turn it into headers.
    if "=?" in address:
        raise PydanticCustomError("address", "an address must not contain `=?`")
    return address


Address = Annotated[EmailStr, AfterValidator(_check)]
