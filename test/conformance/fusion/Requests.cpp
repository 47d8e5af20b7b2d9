#include "Requests.h"

#include "qvl/Reference/GeneratedWeights.h"
#include "qvlrt/mrope_positions.h"
#include "qvlrt/window_plan.h"
#include "gtest/gtest.h"

#include <random>

namespace mlir::qvl::reference {

/// The numbers as a tensor of `shape`.
template <typename Numbers>
static Tensor tensorOf(const Numbers &numbers, std::vector<int64_t> shape) {
  return Tensor(std::move(shape), std::vector<double>(numbers.begin(), numbers.end()));
}

template <typename Numbers> static Tensor vectorOf(const Numbers &numbers) {
  return tensorOf(numbers, {static_cast<int64_t>(numbers.size())});
}

NamedArguments visionArguments(const Layout &layout, const ::qvl::ModelConfig &config,
                               uint32_t seed) {
  absl::StatusOr<qvlrt::WindowPlan> plan =
      qvlrt::planWindows(layout.grids(), kPatchLayout, layout.windowSize);
  EXPECT_TRUE(plan.ok()) << plan.status();
  std::vector<int32_t> positions = qvlrt::visionPositions(layout.grids(), kPatchLayout);
  auto patches = static_cast<int64_t>(positions.size() / 2);
  NamedArguments arguments;
  arguments.try_emplace("pixels", generateTensor(seed, {patches, config.vision.patchRow()}));
  arguments.try_emplace("positions", tensorOf(positions, {2, patches}));
  arguments.try_emplace("window", vectorOf(plan->windowIndex));
  arguments.try_emplace("windows", vectorOf(plan->cuWindowSeqlens));
  arguments.try_emplace("frames", vectorOf(plan->cuSeqlens));
  return arguments;
}

Tensor firstFrames(const Tensor &rows, const ::qvl::VisionConfig &config) {
  int64_t pixels = config.patchSize * config.patchSize, frames = config.temporalPatchSize;
  Tensor result({rows.rows(), rows.columns() / frames});
  for (int64_t i = 0; i < result.size(); ++i)
    result.values[i] = rows.values[i / pixels * frames * pixels + i % pixels];
  return result;
}

Tensor repeatFrames(const Tensor &frame, const ::qvl::VisionConfig &config) {
  int64_t pixels = config.patchSize * config.patchSize, frames = config.temporalPatchSize;
  Tensor result({frame.rows(), frame.columns() * frames});
  for (int64_t i = 0; i < result.size(); ++i)
    result.values[i] = frame.values[i / (frames * pixels) * pixels + i % pixels];
  return result;
}

/// Some text, then each medium between its marks, then some text.
static std::vector<int64_t> promptWith(const Layout &layout, const ::qvl::ModelConfig &config) {
  std::vector<int64_t> ids{1, 2, 3};
  int64_t pad = layout.videos.empty() ? config.ids.image : config.ids.video;
  for (const qvlrt::Grid &grid : layout.grids()) {
    ids.push_back(config.ids.visionStart);
    ids.insert(ids.end(), grid.patches() / config.vision.patchesPerToken(), pad);
    ids.insert(ids.end(), {config.ids.visionEnd, 4});
  }
  ids.insert(ids.end(), {5, 6});
  return ids;
}

RaggedBatch::RaggedBatch(const Layout &layout, const ::qvl::ModelConfig &config, CacheType cache,
                         uint32_t seed)
    : config(config), pageSize(cache.getPage()) {
  addSequence({static_cast<int64_t>(seed % 60)}, nullptr);
  addSequence(promptWith(layout, config), &layout);
  std::vector<int64_t> text(70); // more than one page
  std::mt19937 engine(seed);
  for (int64_t &id : text)
    id = engine() % 60;
  addSequence(std::move(text), nullptr);
  assignPages();
}

void RaggedBatch::addSequence(std::vector<int64_t> ids, const Layout *media) {
  std::vector<double> secondPerGrid(media ? media->videos.size() : 0, 0.5);
  qvlrt::MropeInput input{
      ids,
      config.ids.visionStart,
      config.ids.image,
      config.ids.video,
      media ? std::span<const qvlrt::Grid>(media->images) : std::span<const qvlrt::Grid>(),
      media ? std::span<const qvlrt::Grid>(media->videos) : std::span<const qvlrt::Grid>(),
      secondPerGrid,
      config.vision.tokensPerSecond,
      config.vision.spatialMergeSize};
  absl::StatusOr<qvlrt::MropePositions> planned = qvlrt::planPositions(input);
  ASSERT_TRUE(planned.ok()) << planned.status();
  Sequence sequence;
  int64_t feature = 0;
  for (int64_t id : ids)
    sequence.featureRows.push_back(id == config.ids.image || id == config.ids.video ? feature++
                                                                                    : -1);
  sequence.next = static_cast<int64_t>(ids.size()) + planned->delta;
  sequence.positions = std::move(planned->positions);
  sequence.ids = std::move(ids);
  sequences.push_back(std::move(sequence));
}

/// Deals pages out in turn, so that those of one sequence are not neighbours; the first one is not
/// page 0.
void RaggedBatch::assignPages() {
  int64_t page = 1;
  bool missing = true;
  while (missing) {
    missing = false;
    for (Sequence &sequence : sequences)
      if (static_cast<int64_t>(sequence.pages.size()) * pageSize <= sequence.length()) {
        sequence.pages.push_back(page++);
        missing = true;
      }
  }
}

NamedArguments RaggedBatch::batchArguments(ArrayRef<int64_t> counts,
                                           ArrayRef<int64_t> lengths) const {
  std::vector<int64_t> offsets{0}, rowSequence, slots;
  size_t pages = 0;
  for (auto [number, sequence] : llvm::enumerate(sequences)) {
    offsets.push_back(offsets.back() + counts[number]);
    rowSequence.insert(rowSequence.end(), counts[number], static_cast<int64_t>(number));
    for (int64_t token = lengths[number]; token < lengths[number] + counts[number]; ++token)
      slots.push_back(sequence.slot(token, pageSize));
    pages = std::max(pages, sequence.pages.size());
  }
  Tensor blocks({static_cast<int64_t>(sequences.size()), static_cast<int64_t>(pages)});
  llvm::fill(blocks.values, -1);
  for (auto [number, sequence] : llvm::enumerate(sequences))
    llvm::copy(sequence.pages, blocks.row(number));
  NamedArguments arguments;
  arguments.try_emplace("row_offsets", vectorOf(offsets));
  arguments.try_emplace("row_sequence", vectorOf(rowSequence));
  arguments.try_emplace("cache_lengths", indexTensor(lengths));
  arguments.try_emplace("block_table", std::move(blocks));
  arguments.try_emplace("slots", vectorOf(slots));
  return arguments;
}

NamedArguments RaggedBatch::prefill(const Tensor &features, const Cache &cache) const {
  std::vector<int64_t> ids, featureRows, counts, logitRows;
  std::vector<double> axes[3];
  for (const Sequence &sequence : sequences) {
    llvm::append_range(ids, sequence.ids);
    llvm::append_range(featureRows, sequence.featureRows);
    counts.push_back(sequence.length());
    for (int axis : {0, 1, 2})
      llvm::append_range(
          axes[axis],
          ArrayRef(sequence.positions).slice(axis * sequence.length(), sequence.length()));
    for (auto row = static_cast<int64_t>(ids.size()) - 1;
         row >= static_cast<int64_t>(ids.size()) - sequence.length(); row -= 3)
      logitRows.push_back(row);
  }
  auto rows = static_cast<int64_t>(ids.size());
  std::vector<double> positions;
  for (const std::vector<double> &axis : axes)
    llvm::append_range(positions, axis);
  NamedArguments arguments = batchArguments(counts, std::vector<int64_t>(sequences.size(), 0));
  arguments.try_emplace("ids", vectorOf(ids));
  arguments.try_emplace("positions", Tensor({3, rows}, std::move(positions)));
  arguments.try_emplace("features", features);
  arguments.try_emplace("feature_rows", vectorOf(featureRows));
  arguments.try_emplace("kv_cache", cache);
  arguments.try_emplace("logit_rows", vectorOf(logitRows));
  return arguments;
}

NamedArguments RaggedBatch::decode(const Cache &cache) const {
  std::vector<int64_t> lengths, counts(sequences.size(), 1), all;
  std::vector<double> positions;
  for (auto [number, sequence] : llvm::enumerate(sequences)) {
    lengths.push_back(sequence.length());
    positions.push_back(static_cast<double>(sequence.next));
    all.push_back(static_cast<int64_t>(number));
  }
  auto rows = static_cast<int64_t>(sequences.size());
  Tensor axes({3, rows});
  for (int axis : {0, 1, 2})
    llvm::copy(positions, axes.row(axis));
  NamedArguments arguments = batchArguments(counts, lengths);
  arguments.try_emplace("ids", tensorOf(std::array{7, 8, 9}, {rows}));
  arguments.try_emplace("positions", std::move(axes));
  arguments.try_emplace("features", Tensor({0, config.text.hiddenSize}));
  arguments.try_emplace("feature_rows", tensorOf(std::array{-1, -1, -1}, {rows}));
  arguments.try_emplace("kv_cache", cache);
  arguments.try_emplace("logit_rows", vectorOf(all));
  return arguments;
}

} // namespace mlir::qvl::reference
