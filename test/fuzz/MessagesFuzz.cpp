// Conversations in JSON. Files that they name are not opened.
#include "qvlrt/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size) {
  const absl::StatusOr<std::vector<qvlrt::Message>> messages =
      qvlrt::parseMessages({reinterpret_cast<const char *>(data), size}, "/nonexistent");
  if (messages.ok())
    (void)qvlrt::isEmptyRequest(*messages);
  return 0;
}
