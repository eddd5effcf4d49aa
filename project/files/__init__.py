"""Files that people upload and jobs make: named by the store, typed by content, found by id.

`store` keeps them in a `folder` or a `bucket`; `types` recognises a file's type; a job's code
uses `job_files`. The ledger records which jobs hold a file, which is kept as long as they are
(`project.ledger.file_holders`).
"""

from project.file_types import TYPES, FileType, find_type
from project.files.store import FileStore, StoredFile, is_file_id

__all__ = ["TYPES", "FileStore", "FileType", "StoredFile", "find_type", "is_file_id"]
