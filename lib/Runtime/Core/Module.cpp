#include "qvlrt/module.h"

#include "FlatbufferViews.h"
#include "qvlrt/status.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <vector>

namespace qvlrt {

absl::StatusOr<std::unique_ptr<Module>> Module::open(const std::string &path) {
  QVLRT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  QVLRT_ASSIGN_OR_RETURN(const qvlfmt::Artifact *artifact, verifyArtifact(path, file.bytes()));
  return std::unique_ptr<Module>(new Module(std::move(file), artifact));
}

absl::StatusOr<const qvlfmt::Target *> Module::target(std::string_view name) const {
  std::vector<std::string> names;
  for (const qvlfmt::Target *target : *root->targets()) {
    if (viewOf(target->name()) == name)
      return target;
    names.push_back(target->name()->str());
  }
  std::vector<std::string> options = names;
  options.emplace_back(name);
  // A GPU's code needs an architecture; that of the oldest one runs on all later ones.
  std::replace(options.begin(), options.end(), std::string("cuda"), std::string("cuda:sm_80"));
  return absl::NotFoundError(absl::StrCat(
      path(), ": no code for ", std::string(name), ", only for ", absl::StrJoin(names, ", "),
      "; choose another --device or compile with --target=", absl::StrJoin(options, ",")));
}

std::span<const std::byte> Module::weightBytes(std::uint32_t index) const {
  const qvlfmt::Weight *weight = root->weights()->Get(index);
  return file.bytes().subspan(weight->offset(), weight->bytes());
}

std::span<const std::byte> Module::bytesFromWeight(std::uint32_t index) const {
  return file.bytes().subspan(root->weights()->Get(index)->offset());
}

std::uint64_t Module::totalWeightBytes() const {
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < weightCount(); ++i)
    total += weightBytes(i).size();
  return total;
}

absl::Status Module::verifyWeights() const {
  for (std::uint32_t i = 0; i < weightCount(); ++i) {
    const qvlfmt::Weight *weight = root->weights()->Get(i);
    std::span<const std::byte> bytes = weightBytes(i);
    if (XXH3_64bits(bytes.data(), bytes.size()) != weight->checksum())
      return absl::DataLossError(absl::StrCat(path(), ": weight ", weight->name()->c_str(), " (",
                                              bytes.size(), " bytes at ", weight->offset(),
                                              ") differs from its checksum; copy or compile it "
                                              "again"));
  }
  return absl::OkStatus();
}

} // namespace qvlrt
