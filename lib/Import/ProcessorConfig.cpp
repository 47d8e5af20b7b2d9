#include "qvl/Import/ProcessorConfig.h"
#include "qvl/Import/JsonDocument.h"

#include "llvm/ADT/STLExtras.h"
#include <cmath>
#include <limits>

using namespace qvl;
namespace json = llvm::json;

static constexpr IntegerRange kPixelCount = {1, std::numeric_limits<int32_t>::max()};
static constexpr IntegerRange kSide = {1, 256};

/// The number of PIL's bicubic filter.
static constexpr int64_t kBicubic = 3;

/// `explicitKey` at the top level, else `size`.`sizeKey`, which counts pixels in spite of its name.
static int64_t pixelLimit(const JsonFields &fields, const JsonFields &size,
                          llvm::StringRef explicitKey, llvm::StringRef sizeKey, int64_t fallback) {
  return fields.find(explicitKey) ? fields.integer(explicitKey, kPixelCount)
                                  : size.integer(sizeKey, kPixelCount, fallback);
}

/// Steps that the runtime always takes must not be switched off.
static void requireSteps(const JsonFields &fields) {
  for (llvm::StringRef step : {"do_resize", "do_rescale", "do_normalize", "do_convert_rgb"})
    if (!fields.boolean(step, true))
      fields.report(step, "false is not supported");
  if (fields.integer("resample", {0, 5}, kBicubic) != kBicubic)
    fields.report("resample", "only 3 (bicubic) is supported");
}

static void requireEqual(const JsonFields &fields, llvm::StringRef key, int64_t value,
                         int64_t ofModel) {
  if (value != ofModel)
    fields.report(key,
                  llvm::Twine(value) + " differs from " + llvm::Twine(ofModel) + " in config.json");
}

static ProcessorConfig parseProcessor(const JsonFields &fields, const JsonFields &size,
                                      const VisionConfig &vision) {
  ProcessorConfig config;
  config.minPixels = pixelLimit(fields, size, "min_pixels", "shortest_edge", config.minPixels);
  config.maxPixels = pixelLimit(fields, size, "max_pixels", "longest_edge", config.maxPixels);
  if (config.minPixels > config.maxPixels)
    fields.report("min_pixels", llvm::Twine(config.minPixels) + " is above max_pixels " +
                                    llvm::Twine(config.maxPixels));
  config.patchSize = fields.integer("patch_size", kSide, config.patchSize);
  requireEqual(fields, "patch_size", config.patchSize, vision.patchSize);
  config.temporalPatchSize = fields.integer("temporal_patch_size", kSide, config.temporalPatchSize);
  requireEqual(fields, "temporal_patch_size", config.temporalPatchSize, vision.temporalPatchSize);
  config.mergeSize = fields.integer("merge_size", kSide, config.mergeSize);
  requireEqual(fields, "merge_size", config.mergeSize, vision.spatialMergeSize);
  llvm::copy(fields.numbers("image_mean", {config.imageMean.begin(), config.imageMean.end()}),
             config.imageMean.begin());
  llvm::copy(fields.numbers("image_std", {config.imageStd.begin(), config.imageStd.end()}),
             config.imageStd.begin());
  if (llvm::any_of(config.imageStd, [](double std) { return std < 1e-6 || std > 1e6; }))
    fields.report("image_std", "must lie in [1e-6, 1e6]"); // a divisor
  config.rescaleFactor = fields.number("rescale_factor", config.rescaleFactor);
  if (llvm::any_of(config.imageMean, [](double mean) { return std::abs(mean) > 1e6; }))
    fields.report("image_mean", "must lie in [-1e6, 1e6]");
  if (config.rescaleFactor <= 0 || config.rescaleFactor > 1e6)
    fields.report("rescale_factor", "must lie in (0, 1e6]");
  requireSteps(fields);
  return config;
}

llvm::Expected<ProcessorConfig> qvl::readProcessorConfig(llvm::StringRef directory,
                                                         const VisionConfig &vision,
                                                         std::vector<std::string> &warnings) {
  std::string path = pathIn(directory, "preprocessor_config.json");
  const bool isNested = !fileExists(path);
  if (isNested)
    path = pathIn(directory, "processor_config.json");
  llvm::Expected<json::Object> root = readOptionalJsonObject(path);
  if (!root)
    return root.takeError();
  JsonProblems problems(path);
  const JsonFields top(problems, "", {&*root});
  const json::Object *object = isNested ? top.object("image_processor") : &*root;
  if (!object)
    warnings.push_back(directory.str() + ": no image processor configuration "
                                         "(preprocessor_config.json); the model class's defaults "
                                         "are used");
  const JsonFields fields(problems, isNested ? "image_processor." : "", {object});
  const JsonFields size(problems, "size.", {fields.object("size")});
  ProcessorConfig config = parseProcessor(fields, size, vision);
  if (llvm::Error error = problems.take())
    return std::move(error);
  return config;
}
