"""
Makes ``twistd ssetwist`` available.

Every ``twistd`` command loads this file, so it names things and imports nothing of ours.
"""

from twisted.application.service import ServiceMaker

ssetwist = ServiceMaker(
    "ssetwist",  # name
    "ssetwist.server.tap",  # module with Options and makeService, imported on use
    "A Server-Sent Events hub.",  # line in twistd --help
    "ssetwist",  # command
)
