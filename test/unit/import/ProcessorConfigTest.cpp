// Where pixel limits and normalisation come from (the model specification, section 4.2).

#include "qvl/Import/ProcessorConfig.h"

#include "CheckpointFiles.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace {

using namespace qvl;
using namespace qvl::test;
using testing::ElementsAre;
using testing::HasSubstr;

class ProcessorFile : public testing::Test {
protected:
  ProcessorConfig read() {
    return llvm::cantFail(readProcessorConfig(directory.path(), VisionConfig(), warnings));
  }
  std::string errorOf(std::string_view contents) {
    directory.write("preprocessor_config.json", contents);
    return messageOf(readProcessorConfig(directory.path(), VisionConfig(), warnings));
  }

  TemporaryDirectory directory;
  std::vector<std::string> warnings;
};

TEST_F(ProcessorFile, ExplicitPixelKeysWin) {
  directory.write("preprocessor_config.json",
                  R"({"min_pixels": 3136, "max_pixels": 12845056,
                      "size": {"shortest_edge": 1, "longest_edge": 2},
                      "image_mean": [0.5, 0.25, 0.125], "image_std": [1, 2, 4],
                      "rescale_factor": 0.5, "do_resize": true, "resample": 3})");
  const ProcessorConfig config = read();
  EXPECT_EQ(config.minPixels, 3136);
  EXPECT_EQ(config.maxPixels, 12845056);
  EXPECT_THAT(config.imageMean, ElementsAre(0.5, 0.25, 0.125));
  EXPECT_THAT(config.imageStd, ElementsAre(1, 2, 4));
  EXPECT_EQ(config.rescaleFactor, 0.5);
  EXPECT_TRUE(warnings.empty());
}

TEST_F(ProcessorFile, SizeDictionary) {
  directory.write("preprocessor_config.json",
                  R"({"min_pixels": null, "size": {"shortest_edge": 784, "longest_edge": 7840}})");
  EXPECT_EQ(read().minPixels, 784);
  EXPECT_EQ(read().maxPixels, 7840);
}

TEST_F(ProcessorFile, NestedInProcessorConfig) {
  directory.write("processor_config.json",
                  R"({"image_processor": {"size": {"shortest_edge": 784, "longest_edge": 7840},
                                          "patch_size": 14}})");
  EXPECT_EQ(read().minPixels, 784);
  EXPECT_EQ(read().maxPixels, 7840);
  // The older file wins.
  directory.write("preprocessor_config.json", R"({"min_pixels": 3136})");
  EXPECT_EQ(read().minPixels, 3136);
  EXPECT_EQ(read().maxPixels, 1003520);
}

TEST_F(ProcessorFile, ClassDefaultsWithoutFile) {
  const ProcessorConfig config = read();
  EXPECT_EQ(config.minPixels, 3136);
  EXPECT_EQ(config.maxPixels, 1003520);
  EXPECT_THAT(config.imageMean, ElementsAre(0.48145466, 0.4578275, 0.40821073));
  EXPECT_THAT(config.imageStd, ElementsAre(0.26862954, 0.26130258, 0.27577711));
  EXPECT_EQ(config.rescaleFactor, 0.00392156862745098);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("no image processor configuration"));
}

TEST_F(ProcessorFile, Errors) {
  EXPECT_THAT(errorOf(R"({"min_pixels": 0})"),
              HasSubstr("preprocessor_config.json: min_pixels: 0"));
  EXPECT_THAT(errorOf(R"({"min_pixels": 4, "max_pixels": 3})"), HasSubstr("above max_pixels 3"));
  EXPECT_THAT(errorOf(R"({"size": {"longest_edge": -1}})"), HasSubstr("size.longest_edge: -1"));
  EXPECT_THAT(errorOf(R"({"patch_size": 16})"), HasSubstr("patch_size: 16 differs from 14"));
  EXPECT_THAT(errorOf(R"({"merge_size": 4})"), HasSubstr("merge_size: 4 differs from 2"));
  EXPECT_THAT(errorOf(R"({"temporal_patch_size": 1})"), HasSubstr("temporal_patch_size: 1"));
  EXPECT_THAT(errorOf(R"({"image_std": [1, 0, 1]})"), HasSubstr("image_std: must lie in"));
  EXPECT_THAT(errorOf(R"({"image_mean": [1, 1]})"), HasSubstr("image_mean: not a list of 3"));
  EXPECT_THAT(errorOf(R"({"image_mean": [1, "a", 1]})"), HasSubstr("finite numbers"));
  EXPECT_THAT(errorOf(R"({"rescale_factor": 0})"), HasSubstr("rescale_factor"));
  EXPECT_THAT(errorOf(R"({"do_normalize": false})"), HasSubstr("do_normalize: false"));
  EXPECT_THAT(errorOf(R"({"resample": 2})"), HasSubstr("resample: only 3"));
  EXPECT_THAT(errorOf("{]"), HasSubstr("no valid JSON"));
}

} // namespace
