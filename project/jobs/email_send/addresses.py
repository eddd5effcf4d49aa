"""The address that a mail goes to."""

from typing import Annotated

from pydantic import AfterValidator, EmailStr
from pydantic_core import PydanticCustomError


def _check(address: str) -> str:
    # Such an address may exist by the letter of RFC 5322, and nobody has one. Programs that decode
    # what they should not (RFC 2047, 5) would make headers of it.
    if "=?" in address:
        raise PydanticCustomError("address", "an address with `=?` in it is not taken")
    return address


Address = Annotated[EmailStr, AfterValidator(_check)]
