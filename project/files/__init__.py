"""Files that people send and jobs make: named by us, typed by their bytes, known by an id.

`store` keeps them in a place, which is a `folder` or a `bucket`; `types` says what a file is,
`job_files` is what the code of a job sees. Which jobs hold a file, so that it is kept as long as
they are, is the ledger's
(`project.ledger.file_holders`).
"""

from project.files.store import FileStore, StoredFile, is_file_id
from project.files.types import TYPES, FileType, find_type

__all__ = ["TYPES", "FileStore", "FileType", "StoredFile", "find_type", "is_file_id"]
