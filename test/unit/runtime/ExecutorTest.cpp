// Binding, sizes, arena and commands of programs, on both devices.
#include "qvlrt/executor.h"
#include "qvlrt/cpu_device.h"
#include "qvlrt/null_device.h"

#include "StatusMatchers.h"
#include "TestArtifacts.h"

#include <gtest/gtest.h>
#include <numeric>

namespace qvlrt {
namespace {

using qvlfmt::ElementType, qvlfmt::SizeOp;
using test::FailsWith, test::ProgramBuilder;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

/// A module, a device and an executor of the two.
struct Machine {
  Machine(qvlfmt::ArtifactT artifact, std::unique_ptr<Device> onDevice)
      : module(test::openArtifact(std::move(artifact))), device(std::move(onDevice)) {
    absl::StatusOr<std::unique_ptr<Executor>> created = Executor::create(*module, *device);
    EXPECT_OK(created.status());
    executor = *std::move(created);
  }

  /// f32 tensor on the device.
  DeviceTensor tensor(std::string_view name, Shape dims, std::span<const float> values) {
    buffers.push_back(*DeviceBuffer::copyOf(*device, std::as_bytes(values)));
    return {name, ElementType::F32, std::move(dims), buffers.back().range()};
  }

  std::vector<float> floats(const DeviceTensor &tensor) {
    std::vector<float> values(tensor.data.bytes / sizeof(float));
    EXPECT_OK(device->copyToHost(std::as_writable_bytes(std::span(values)), tensor.data));
    return values;
  }

  std::unique_ptr<Module> module;
  std::unique_ptr<Device> device;
  std::unique_ptr<Executor> executor;
  std::vector<DeviceBuffer> buffers;
};

std::unique_ptr<Device> cpu(int threads = 2) {
  return *createCpuDevice({.threads = threads, .features = "v3"});
}

qvlfmt::ArtifactT artifactWith(ProgramBuilder &builder) {
  qvlfmt::ArtifactT artifact = test::emptyArtifact();
  artifact.targets[0]->programs.push_back(builder.take());
  return artifact;
}

std::vector<float> ramp(std::size_t count) {
  std::vector<float> values(count);
  std::iota(values.begin(), values.end(), 0.0f);
  return values;
}

TEST(Executor, RunsAProgram) {
  for (int threads : {1, 2, 5}) {
    Machine machine(test::testArtifact(), cpu(threads));
    for (std::int64_t rows : {1, 3, 100, 2}) {
      std::vector<float> x = ramp(rows * 8);
      absl::StatusOr<std::vector<DeviceTensor>> results =
          machine.executor->run(0, {{machine.tensor("x", {rows, 8}, x)}});
      ASSERT_OK(results.status());
      ASSERT_EQ(results->size(), 2u);
      EXPECT_EQ((*results)[0].name, "y");
      EXPECT_EQ((*results)[0].dims, Shape{rows});
      EXPECT_EQ((*results)[1].dims, (Shape{rows, 8}));
      std::vector<float> y = machine.floats((*results)[0]), wide = machine.floats((*results)[1]);
      for (std::int64_t row = 0; row < rows; ++row) {
        float expected = 0;
        for (int k = 0; k < 8; ++k) {
          EXPECT_EQ(wide[row * 8 + k], 4 * x[row * 8 + k] + 3);
          expected += (4 * x[row * 8 + k] + 3) * static_cast<float>(k + 1);
        }
        EXPECT_EQ(y[row], expected);
      }
    }
  }
}

TEST(Executor, NullDeviceRunsNoKernel) {
  test::ProgramBuilder b("count");
  std::uint32_t counts = b.argument("counts", ElementType::F32, {-1});
  b.launch(test::kCountTiles, b.dim(0, 0), {counts}, {});
  b.result("counts", counts);
  Machine machine(artifactWith(b), createNullDevice());
  absl::StatusOr<std::vector<DeviceTensor>> results =
      machine.executor->run(0, {{machine.tensor("counts", {5}, ramp(5))}});
  ASSERT_OK(results.status());
  EXPECT_EQ(machine.floats((*results)[0]), ramp(5));
}

TEST(Executor, RunsNoRows) {
  Machine machine(test::testArtifact(), cpu());
  absl::StatusOr<std::vector<DeviceTensor>> results =
      machine.executor->run(0, {{machine.tensor("x", {0, 8}, {})}});
  ASSERT_OK(results.status());
  EXPECT_EQ((*results)[0].data.bytes, 0u);
}

TEST(Executor, RefusesWrongArguments) {
  Machine machine(test::testArtifact(), cpu());
  std::vector<float> values = ramp(64);
  DeviceTensor x = machine.tensor("x", {4, 8}, values);
  auto expectRefused = [&](std::vector<DeviceTensor> arguments, const char *message) {
    EXPECT_THAT(machine.executor->run(0, arguments).status(), FailsWith(kInvalid, message));
  };
  auto changed = [&](auto change) {
    DeviceTensor tensor = x;
    change(tensor);
    return tensor;
  };
  expectRefused({}, "dense: argument x is missing");
  expectRefused({x, x}, "dense: argument x is given twice");
  expectRefused({x, changed([](auto &t) { t.name = "z"; })}, "dense: argument z is none");
  expectRefused({changed([](auto &t) { t.element = ElementType::I32; })},
                "dense: argument x is not f32");
  expectRefused({changed([](auto &t) { t.dims = {32}; })}, "dense: argument x has rank 1, not 2");
  expectRefused({changed([](auto &t) { t.dims = {4, 7}; })},
                "dense: argument x has 7 in dimension 1, not 8");
  expectRefused({changed([](auto &t) { t.dims = {-4, 8}; })}, "dense: argument x has dims -4 x 8");
  expectRefused({changed([](auto &t) { t.dims = {1ll << 60, 8}; })}, "dense: argument x has dims");
  expectRefused({changed([](auto &t) { t.dims = {9, 8}; })},
                "dense: argument x needs 288 bytes at a multiple of 64, got 256");
  expectRefused({changed([](auto &t) { t.data = t.data.subrange(4, 128); })},
                "dense: argument x needs 128 bytes at a multiple of 64");
}

TEST(Executor, PlansWithoutRunningOrAllocating) {
  Machine machine(test::testArtifact(), createNullDevice());
  const ArgumentShape shape[] = {{"x", ElementType::F32, {16, 8}}};
  absl::StatusOr<std::uint64_t> bytes = machine.executor->planMemory(0, shape);
  ASSERT_OK(bytes.status());
  EXPECT_EQ(*bytes, 2 * 16 * 8 * 4u); // y takes the place of `once`
  EXPECT_EQ(machine.executor->arenaBytes(), 0u);
  EXPECT_EQ(machine.device->memory().allocated, 0u);
}

TEST(Executor, PlansMoreThanTheMachineHas) {
  Machine machine(test::testArtifact(), createNullDevice());
  const ArgumentShape shape[] = {{"x", ElementType::F32, {std::int64_t{1} << 40, 8}}};
  absl::StatusOr<std::uint64_t> bytes = machine.executor->planMemory(0, shape);
  ASSERT_OK(bytes.status());
  EXPECT_EQ(*bytes, std::uint64_t{2} << 45);
}

TEST(Executor, RunsOutOfMemoryWithOneLine) {
  Machine machine(test::testArtifact(), createNullDevice());
  // No memory stands behind the argument: planning comes before any access.
  std::int64_t rows = std::int64_t{1} << 38;
  const DeviceRange nowhere{64, static_cast<std::uint64_t>(rows) * 32};
  const DeviceTensor x[] = {{"x", ElementType::F32, {rows, 8}, nowhere}};
  EXPECT_THAT(
      machine.executor->run(0, x).status(),
      FailsWith(absl::StatusCode::kResourceExhausted, "dense: not enough memory for this input"));
}

TEST(Executor, RefusesSizesThatOverflow) {
  ProgramBuilder b("grow");
  std::uint32_t x = b.argument("x", ElementType::U8, {-1});
  std::uint32_t square = b.size(SizeOp::Mul, b.dim(0, 0), b.dim(0, 0));
  std::uint32_t y = b.transient(ElementType::F32, {square}, 0, 0);
  b.copy(x, y);
  Machine machine(artifactWith(b), createNullDevice());
  const ArgumentShape overflow[] = {{"x", ElementType::U8, {std::int64_t{1} << 32}}};
  EXPECT_THAT(machine.executor->planMemory(0, overflow).status(),
              FailsWith(kInvalid, "grow: size 1 (Mul of 4294967296 and 4294967296)"));
  const ArgumentShape large[] = {{"x", ElementType::U8, {std::int64_t{1} << 31}}};
  EXPECT_THAT(machine.executor->planMemory(0, large).status(),
              FailsWith(kInvalid, "grow: buffer 1 of 4611686018427387904 elements"));
}

TEST(Executor, RefusesAViewThatIsLargerThanItsBuffer) {
  ProgramBuilder b("view");
  std::uint32_t x = b.argument("x", ElementType::F32, {-1});
  std::uint32_t twice = b.size(SizeOp::Add, b.dim(0, 0), b.dim(0, 0));
  b.fill(b.view(x, {twice}), 0);
  Machine machine(artifactWith(b), createNullDevice());
  const ArgumentShape shape[] = {{"x", ElementType::F32, {3}}};
  EXPECT_THAT(machine.executor->planMemory(0, shape).status(),
              FailsWith(kInvalid, "view: buffer 1 of 24 bytes is a view of one of 12"));
}

TEST(Executor, RefusesAViewThatIsLargerThanItsWeight) {
  for (std::int64_t elements : {8, 9}) { // of the weight's 8
    ProgramBuilder b("view");
    b.argument("x", ElementType::F32, {-1});
    const std::uint32_t count = b.constant(elements);
    const std::uint32_t seen = b.view(b.weight(0, {count}), {count});
    const std::uint32_t copied = b.transient(ElementType::F32, {count}, 0, 0);
    b.copy(seen, copied);
    b.result("copied", copied);
    Machine machine(artifactWith(b), cpu());
    const absl::Status status =
        machine.executor->run(0, {{machine.tensor("x", {1}, ramp(1))}}).status();
    if (elements == 8)
      EXPECT_OK(status);
    else
      EXPECT_THAT(status,
                  FailsWith(kInvalid, "view: buffer 2 of 36 bytes is a view of a weight of 32"));
  }
}

TEST(Executor, RefusesANegativeSize) {
  ProgramBuilder b("negative");
  std::uint32_t x = b.argument("x", ElementType::F32, {-1});
  std::uint32_t less = b.size(SizeOp::Sub, b.dim(0, 0), b.constant(5));
  b.copy(x, b.transient(ElementType::F32, {less}, 0, 0));
  Machine machine(artifactWith(b), createNullDevice());
  const ArgumentShape shape[] = {{"x", ElementType::F32, {3}}};
  EXPECT_THAT(machine.executor->planMemory(0, shape).status(),
              FailsWith(kInvalid, "negative: buffer 1 of -2 elements"));
}

TEST(Executor, FillsAndCopies) {
  ProgramBuilder b("bytes");
  std::uint32_t x = b.argument("x", ElementType::F32, {-1});
  std::uint32_t rows = b.dim(0, 0);
  std::uint32_t copied = b.transient(ElementType::F32, {rows}, 0, 0);
  std::uint32_t filled = b.transient(ElementType::F32, {rows}, 1, 1);
  b.copy(x, copied);
  b.fill(filled, 0x3f);
  b.result("copied", copied);
  b.result("filled", filled);
  b.result("x", x);
  Machine machine(artifactWith(b), cpu());
  std::vector<float> values = ramp(21);
  absl::StatusOr<std::vector<DeviceTensor>> results =
      machine.executor->run(0, {{machine.tensor("x", {21}, values)}});
  ASSERT_OK(results.status());
  // Both live to the end, although the commands that made them lie apart.
  EXPECT_EQ(machine.floats((*results)[0]), values);
  EXPECT_EQ(machine.floats((*results)[2]), values);
  for (float value : machine.floats((*results)[1]))
    EXPECT_EQ(value, std::bit_cast<float>(0x3f3f3f3f));
}

TEST(Executor, NamesTheCommandThatFails) {
  ProgramBuilder b("copies");
  std::uint32_t x = b.argument("x", ElementType::F32, {-1});
  b.copy(x, b.transient(ElementType::F32, {b.constant(2)}, 0, 0));
  Machine machine(artifactWith(b), cpu());
  EXPECT_THAT(machine.executor->run(0, {{machine.tensor("x", {3}, ramp(3))}}).status(),
              FailsWith(kInvalid, "copies: command 0 (step.0): copy of 12 bytes into 8"));
}

TEST(Executor, ArenaGrowsToTheLargestRunAndStays) {
  Machine machine(test::testArtifact(), cpu());
  std::vector<float> values = ramp(800);
  std::vector<std::uint64_t> sizes;
  for (std::int64_t rows : {10, 100, 10}) {
    ASSERT_OK(machine.executor
                  ->run(0, {{machine.tensor("x", {rows, 8}, std::span(values).first(rows * 8))}})
                  .status());
    sizes.push_back(machine.executor->arenaBytes());
  }
  EXPECT_LT(sizes[0], sizes[1]);
  EXPECT_EQ(sizes[1], sizes[2]);
}

TEST(Executor, ForgetsOldPlansAndMakesThemAgain) {
  Machine machine(test::testArtifact(), cpu());
  std::vector<float> values = ramp(8 * 64);
  for (int round = 0; round < 2; ++round)
    for (std::int64_t rows = 1; rows <= 64; ++rows) {
      absl::StatusOr<std::vector<DeviceTensor>> results = machine.executor->run(
          0, {{machine.tensor("x", {rows, 8}, std::span(values).first(rows * 8))}});
      ASSERT_OK(results.status());
      EXPECT_EQ(machine.floats((*results)[1]).back(), 4 * values[rows * 8 - 1] + 3);
    }
}

TEST(Executor, RecordsTimes) {
  Machine machine(test::testArtifact(), cpu());
  std::vector<CommandRecord> records;
  ASSERT_OK(machine.executor->run(0, {{machine.tensor("x", {4, 8}, ramp(32))}}, &records).status());
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].label, "step.0");
  EXPECT_EQ(records[0].kernel, "affine");
  EXPECT_EQ(records[2].kernel, "dot_weight");
  for (std::size_t i = 0; i < records.size(); ++i) {
    EXPECT_GE(records[i].durationMicros, 0);
    if (i > 0)
      EXPECT_GE(records[i].startMicros, records[i - 1].startMicros + records[i - 1].durationMicros);
  }
}

TEST(Executor, NamesWhatIsMissing) {
  Machine machine(test::testArtifact(), cpu());
  EXPECT_THAT(machine.executor->program("audio").status(),
              FailsWith(absl::StatusCode::kNotFound, "target cpu has no program audio"));
  qvlfmt::ArtifactT artifact = test::testArtifact();
  artifact.targets[0]->name = "cuda";
  for (auto &object : artifact.targets[0]->objects)
    object->bytes = {'/', '/'}; // text, since the machine code is not a GPU's
  std::unique_ptr<Module> module = test::openArtifact(std::move(artifact));
  std::unique_ptr<Device> device = cpu();
  EXPECT_THAT(Executor::create(*module, *device).status(),
              FailsWith(absl::StatusCode::kNotFound, "no code for cpu, only for cuda"));
}

TEST(Executor, GivesAllMemoryBack) {
  std::unique_ptr<Device> device = cpu();
  std::unique_ptr<Module> module = test::openArtifact(test::testArtifact());
  {
    absl::StatusOr<std::unique_ptr<Executor>> executor = Executor::create(*module, *device);
    ASSERT_OK(executor.status());
    DeviceBuffer x = *DeviceBuffer::allocate(*device, 32);
    const DeviceTensor argument[] = {{"x", ElementType::F32, {1, 8}, x.range()}};
    ASSERT_OK((*executor)->run(0, argument).status());
    EXPECT_GT(device->memory().allocated, 0u);
  }
  EXPECT_EQ(device->memory().allocated, 0u);
}

} // namespace
} // namespace qvlrt
