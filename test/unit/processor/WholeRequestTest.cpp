// Whole requests against the reference: the golden cases of the miniature checkpoints and the
// samples of shapes-vl.
#include <cmath>
#include <cstring>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "CheckpointProcessor.h"
#include "Goldens.h"

namespace qvlrt {
namespace {

using testing::countDifferences;

/// Tensors of a safetensors file.
class GoldenTensors {
public:
  explicit GoldenTensors(const std::string &path) : bytes(testing::readFile(path)) {
    std::uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof length);
    header = nlohmann::json::parse(bytes.substr(sizeof length, length));
    data = bytes.data() + sizeof length + length;
  }

  bool has(const std::string &name) const { return header.contains(name); }

  template <typename T> std::vector<T> get(const std::string &name) const {
    const auto &offsets = header.at(name).at("data_offsets");
    std::vector<T> values((offsets[1].get<std::size_t>() - offsets[0].get<std::size_t>()) /
                          sizeof(T));
    std::memcpy(values.data(), data + offsets[0].get<std::size_t>(), values.size() * sizeof(T));
    return values;
  }

private:
  std::string bytes;
  nlohmann::json header;
  const char *data;
};

template <typename T> void append(std::vector<T> &to, const std::vector<T> &from) {
  to.insert(to.end(), from.begin(), from.end());
}

std::vector<std::int64_t> flatten(const std::vector<Grid> &grids) {
  std::vector<std::int64_t> flat;
  for (const Grid &grid : grids)
    append(flat, {grid.t, grid.h, grid.w});
  return flat;
}

/// The vision input of a batch: its requests one after the other.
struct BatchVision {
  std::vector<float> pixels;
  std::vector<Grid> grids;

  void add(const VisionInput &input) {
    append(pixels, input.pixelValues);
    append(grids, input.grids);
  }

  void compare(const GoldenTensors &golden, const std::string &kind) const {
    const std::string suffix = kind == "video" ? "_videos" : "";
    ASSERT_EQ(golden.has(kind + "_grid_thw"), !grids.empty());
    if (grids.empty())
      return;
    EXPECT_EQ(flatten(grids), golden.get<std::int64_t>(kind + "_grid_thw"));
    EXPECT_EQ(countDifferences(pixels, golden.get<float>("pixel_values" + suffix)), 0U);
    const WindowPlan windows = planWindows(grids, {14, 2, 2}, 112).value();
    EXPECT_EQ(windows.windowIndex, golden.get<std::int64_t>(kind + ".window_index"));
    EXPECT_EQ(windows.cuWindowSeqlens, golden.get<std::int32_t>(kind + ".cu_window_seqlens"));
    EXPECT_EQ(windows.cuSeqlens, golden.get<std::int32_t>(kind + ".cu_seqlens"));
  }
};

/// Ids and positions of sequence b of a left-padded batch of `count` against an unpadded request.
void compareSequence(const GoldenTensors &golden, std::size_t b, std::size_t count,
                     const ProcessedRequest &request) {
  const auto ids = golden.get<std::int64_t>("input_ids");
  const auto positions = golden.get<std::int64_t>("position_ids");
  const std::size_t padded = ids.size() / count;
  const std::size_t tokens = request.ids.size();
  const auto row = [&](const std::vector<std::int64_t> &all, std::size_t number) {
    const auto end = all.begin() + static_cast<std::ptrdiff_t>((number + 1) * padded);
    return std::vector<std::int64_t>(end - static_cast<std::ptrdiff_t>(tokens), end);
  };
  EXPECT_EQ(request.ids, row(ids, b));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto begin = request.positions.begin() + static_cast<std::ptrdiff_t>(axis * tokens);
    EXPECT_EQ(countDifferences(std::vector(begin, begin + static_cast<std::ptrdiff_t>(tokens)),
                               row(positions, axis * count + b)),
              0U);
  }
  EXPECT_EQ(request.ropeDelta, golden.get<std::int64_t>("rope_delta").at(b));
}

void compareCase(const testing::CheckpointProcessor &processor, const nlohmann::json &entry) {
  const GoldenTensors golden(testing::goldenPath(entry["file"]));
  const auto &conversations = entry["conversations"];
  BatchVision images;
  BatchVision videos;
  for (std::size_t b = 0; b < conversations.size(); ++b) {
    const auto messages = parseMessages(conversations[b].dump(), testing::goldenPath(""));
    ASSERT_TRUE(messages.ok()) << messages.status();
    const auto request = processor->process(*messages);
    ASSERT_TRUE(request.ok()) << request.status();
    ASSERT_EQ(request->ids.size(), entry["tokens"][b].get<std::size_t>());
    compareSequence(golden, b, conversations.size(), *request);
    images.add(request->images);
    videos.add(request->videos);
  }
  images.compare(golden, "image");
  videos.compare(golden, "video");
}

TEST(WholeRequest, EqualsTheGoldenCasesBitForBit) {
  const auto index = testing::readJson(testing::goldenPath("cases.json"));
  std::size_t compared = 0;
  for (const std::string checkpoint : {"mini_f32", "mini_bf16"}) {
    const testing::CheckpointProcessor processor(testing::goldenPath("checkpoints/" + checkpoint));
    ASSERT_TRUE(processor.get().ok()) << processor.get().status();
    for (const auto &entry : index["cases"])
      if (entry["checkpoint"] == checkpoint) {
        SCOPED_TRACE(checkpoint + " " + entry["name"].get<std::string>());
        compareCase(processor, entry);
        ++compared;
      }
  }
  EXPECT_EQ(compared, index["cases"].size());
}

void compareSums(const nlohmann::json &expected, const std::vector<float> &values) {
  double sum = 0;
  double magnitudes = 0;
  for (float value : values) {
    sum += value;
    magnitudes += std::abs(value);
  }
  EXPECT_EQ(values.size(),
            expected["shape"][0].get<std::size_t>() * expected["shape"][1].get<std::size_t>());
  EXPECT_NEAR(sum, expected["sum"].get<double>(), 1e-4); // four decimals are stored
  EXPECT_NEAR(magnitudes, expected["sum_abs"].get<double>(), 1e-4);
}

/// The samples were recorded with Pillow 13 and, for videos, with the fast processor. Only
/// 03-describe-jpeg (201 x 300 to 196 x 308) is resized in another order than the canonical one.
ProcessorOptions optionsOfRecording(const nlohmann::json &sample) {
  ProcessorOptions options;
  options.resizeMode = ResizeMode::Pillow13;
  if (sample.contains("video_grid_thw"))
    options.normalizeMode = NormalizeMode::Fast;
  return options;
}

TEST(WholeRequest, AgreesWithTheSamplesOfShapesVl) {
  const testing::CheckpointProcessor processor(testing::modelPath("shapes-vl"));
  ASSERT_TRUE(processor.get().ok()) << processor.get().status();
  const auto golden = testing::readJson(testing::modelPath("shapes-vl.golden.json"));
  ASSERT_GE(golden["samples"].size(), 16U);
  for (const auto &sample : golden["samples"]) {
    SCOPED_TRACE(sample["name"].get<std::string>());
    const auto messages = parseMessages(sample["messages"].dump(), testing::modelPath(""));
    ASSERT_TRUE(messages.ok()) << messages.status();
    const auto request = processor->process(*messages, optionsOfRecording(sample));
    ASSERT_TRUE(request.ok()) << request.status();
    EXPECT_EQ(request->ids.size(), sample["prompt_tokens"].get<std::size_t>());
    EXPECT_EQ(renderChat("qwen2_5_vl", *messages, {}).value(), sample["prompt"].get<std::string>());
    if (sample.contains("pixel_values"))
      compareSums(sample["pixel_values"], request->images.pixelValues);
    if (sample.contains("pixel_values_videos"))
      compareSums(sample["pixel_values_videos"], request->videos.pixelValues);
    if (sample.contains("image_grid_thw"))
      EXPECT_EQ(request->images.grids, testing::gridsOf(sample["image_grid_thw"]));
    if (sample.contains("video_grid_thw"))
      EXPECT_EQ(request->videos.grids, testing::gridsOf(sample["video_grid_thw"]));
  }
}

} // namespace
} // namespace qvlrt
