// The checks of vision calls: one wrong value, one message.
#include "qvlrt/vision_program.h"

#include "StatusMatchers.h"

#include <gtest/gtest.h>

namespace qvlrt {
namespace {

/// Two frames, of 2 and 1 groups of 4 patches with 3 columns.
struct Operands {
  std::vector<float> pixels = std::vector<float>(12 * 3, 0.5f);
  std::vector<std::int32_t> positions = {0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1,
                                         0, 1, 0, 1, 2, 3, 2, 3, 0, 1, 0, 1};
  std::vector<std::int32_t> window = {1, 0, 2};
  std::vector<std::int32_t> windows = {0, 4, 8, 12};
  std::vector<std::int32_t> frames = {0, 8, 12};
  VisionLimits limits{.patchRow = 3, .groupRows = 4, .windowRows = 8};

  absl::Status check() const {
    return checkVisionCall({pixels, positions, window, windows, frames}, limits);
  }
};

TEST(VisionCall, AcceptsFrames) { EXPECT_OK(Operands().check()); }

struct CallCase {
  const char *name;
  void (*damage)(Operands &operands);
  const char *message;
};
class VisionCallChecks : public testing::TestWithParam<CallCase> {};

TEST_P(VisionCallChecks, Refuse) {
  Operands operands;
  GetParam().damage(operands);
  EXPECT_THAT(operands.check(),
              test::FailsWith(absl::StatusCode::kInvalidArgument, GetParam().message));
}

const CallCase kCases[] = {
    {"NoPixels", [](Operands &o) { o.pixels.clear(); }, "pixels has 0 elements"},
    {"HalfRow", [](Operands &o) { o.pixels.pop_back(); },
     "pixels has 35 elements, not whole groups of 4 rows of 3"},
    {"HalfGroup", [](Operands &o) { o.pixels.resize(10 * 3); }, "pixels has 30 elements"},
    {"PositionCount", [](Operands &o) { o.positions.pop_back(); },
     "positions has 23 elements, not 24"},
    {"WindowCount", [](Operands &o) { o.window.pop_back(); }, "window has 2 elements, not 3"},
    {"NoFrames", [](Operands &o) { o.frames.clear(); }, "frames is empty"},
    {"FramesBegin", [](Operands &o) { o.frames[0] = 4; }, "frames begins at 4, not 0"},
    {"FramesFall", [](Operands &o) { o.frames = {0, 16, 12}; },
     "frames[2] is 12, below the bound before, 16"},
    {"FramesEnd", [](Operands &o) { o.frames[2] = 8; }, "frames ends at 8, not at the 12 rows"},
    {"FramesInsideGroup", [](Operands &o) { o.frames[1] = 6; },
     "frames[1] is 6, not a multiple of the 4 rows"},
    {"WindowsEnd", [](Operands &o) { o.windows[3] = 13; }, "windows ends at 13"},
    {"WindowsFall", [](Operands &o) { o.windows[2] = 0; }, "windows[2] is 0, below the bound"},
    {"WindowsInsideGroup", [](Operands &o) { o.windows[1] = 5; },
     "windows[1] is 5, not a multiple"},
    {"LongWindow", [](Operands &o) { o.windows = {0, 0, 12}; },
     "window 1 has 12 rows, more than the 8 of a whole one"},
    {"NegativePosition", [](Operands &o) { o.positions[3] = -1; },
     "positions[3] is -1, not in 0 .. 7"},
    {"LargePosition", [](Operands &o) { o.positions[23] = 4; },
     "positions[23] is 4, not in 0 .. 3"},
    {"OtherFrame", [](Operands &o) { o.window = {1, 2, 0}; },
     "window[1] is 2, outside its frame, groups 0 .. 1"},
    {"NegativeGroup", [](Operands &o) { o.window[0] = -1; }, "window[0] is -1, outside its frame"},
    {"Twice", [](Operands &o) { o.window = {1, 1, 2}; }, "window is no permutation: it holds 1"},
};
INSTANTIATE_TEST_SUITE_P(Values, VisionCallChecks, testing::ValuesIn(kCases),
                         [](const auto &info) { return std::string(info.param.name); });

} // namespace
} // namespace qvlrt
