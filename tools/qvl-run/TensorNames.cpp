// The tensors of a run that can be dumped and compared.
#include "TensorNames.h"

#include <algorithm>

namespace qvlrun {
namespace {

constexpr std::string_view kNames[] = {
    "input_ids",
    "pixel_values",
    "image_grid_thw",
    "image_window_index",
    "image_cu_window_seqlens",
    "image_cu_seqlens",
    "pixel_values_videos",
    "video_grid_thw",
    "video_window_index",
    "video_cu_window_seqlens",
    "video_cu_seqlens",
    "position_ids",
    "vision_features",
    "logits",
    "generated_ids",
};

template <typename T>
NamedTensor view(std::string name, std::vector<std::int64_t> shape, const std::vector<T> &data) {
  return {std::move(name),
          qvlrt::NpyTypeOf<T>::value,
          std::move(shape),
          {},
          {reinterpret_cast<const std::uint8_t *>(data.data()), data.size() * sizeof(T)}};
}

NamedTensor owning(std::string name, std::vector<std::int64_t> shape,
                   std::vector<std::int64_t> data) {
  NamedTensor tensor = view(std::move(name), std::move(shape), data);
  tensor.own = std::move(data); // the elements keep their address
  return tensor;
}

std::int64_t sizeOf(const auto &vector) { return static_cast<std::int64_t>(vector.size()); }

void addVision(const std::string &kind, const std::string &pixelName,
               const qvlrt::VisionInput &input, std::int64_t patchRow,
               std::vector<NamedTensor> &tensors) {
  if (input.grids.empty())
    return;
  std::vector<std::int64_t> grids;
  for (const qvlrt::Grid &grid : input.grids)
    grids.insert(grids.end(), {grid.t, grid.h, grid.w});
  const qvlrt::WindowPlan &plan = input.windows;
  tensors.push_back(view(pixelName, {input.patches(), patchRow}, input.pixelValues));
  tensors.push_back(owning(kind + "_grid_thw", {sizeOf(input.grids), 3}, std::move(grids)));
  tensors.push_back(view(kind + "_window_index", {sizeOf(plan.windowIndex)}, plan.windowIndex));
  tensors.push_back(
      view(kind + "_cu_window_seqlens", {sizeOf(plan.cuWindowSeqlens)}, plan.cuWindowSeqlens));
  tensors.push_back(view(kind + "_cu_seqlens", {sizeOf(plan.cuSeqlens)}, plan.cuSeqlens));
}

} // namespace

bool isTensorName(std::string_view name) {
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

std::span<const std::string_view> tensorNames() { return kNames; }

std::string tensorNameList() {
  std::string list;
  for (std::string_view name : kNames)
    list.append(list.empty() ? "" : ", ").append(name);
  return list;
}

std::vector<NamedTensor> namedTensors(const qvlfmt::ModelFacts &facts,
                                      const qvlrt::ProcessedRequest &request,
                                      const qvlrt::GenerationResult &result) {
  const std::int64_t tokens = sizeOf(request.ids);
  std::vector<NamedTensor> tensors;
  tensors.push_back(view("input_ids", {tokens}, request.ids));
  addVision("image", "pixel_values", request.images, facts.patch_row(), tensors);
  addVision("video", "pixel_values_videos", request.videos, facts.patch_row(), tensors);
  tensors.push_back(
      owning("position_ids", {3, tokens}, {request.positions.begin(), request.positions.end()}));
  if (!result.features.empty())
    tensors.push_back(view("vision_features",
                           {sizeOf(result.features) / facts.hidden_size(), facts.hidden_size()},
                           result.features));
  if (!result.logits.empty())
    tensors.push_back(view(
        "logits", {sizeOf(result.logits) / facts.vocab_size(), facts.vocab_size()}, result.logits));
  tensors.push_back(view("generated_ids", {sizeOf(result.ids)}, result.ids));
  return tensors;
}

} // namespace qvlrun
