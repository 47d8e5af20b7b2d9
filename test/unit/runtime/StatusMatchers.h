// What the tests expect of statuses.
#pragma once

#include "absl/status/status.h"

#include <gmock/gmock.h>

namespace qvlrt::test {

/// A status of code `code` whose message contains `text`.
MATCHER_P2(FailsWith, code, text, "") {
  const absl::Status status = arg;
  *result_listener << status;
  return status.code() == code && std::string(status.message()).find(text) != std::string::npos;
}

} // namespace qvlrt::test

#define EXPECT_OK(status) EXPECT_EQ(status, absl::OkStatus())
#define ASSERT_OK(status) ASSERT_EQ(status, absl::OkStatus())
