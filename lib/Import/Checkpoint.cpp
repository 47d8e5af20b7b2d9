#include "qvl/Import/Checkpoint.h"
#include "FileDescriptor.h"
#include "qvl/Import/Failure.h"
#include "qvl/Import/JsonDocument.h"
#include "qvl/Import/SafetensorsHeader.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/ScopeExit.h"
#include <set>
#include <unistd.h>

using namespace qvl;
namespace json = llvm::json;

static constexpr llvm::StringLiteral kSingleFile = "model.safetensors";
static constexpr llvm::StringLiteral kIndexFile = "model.safetensors.index.json";

//===----------------------------------------------------------------------===//
// Names (section 2)
//===----------------------------------------------------------------------===//

std::string qvl::canonicalTensorName(llvm::StringRef sourceName) {
  static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral> prefixes[] = {
      {"model.visual.", "visual."},
      {"model.language_model.", "model."},
      {"language_model.model.", "model."},
      {"language_model.lm_head.", "lm_head."},
  };
  for (const auto &[source, canonical] : prefixes)
    if (sourceName.starts_with(source))
      return (canonical + sourceName.drop_front(source.size())).str();
  return sourceName.str();
}

//===----------------------------------------------------------------------===//
// Index of a sharded checkpoint
//===----------------------------------------------------------------------===//

namespace {
/// Which shard holds which tensor, by the index file.
struct ShardIndex {
  std::string path;
  std::set<std::string> shards;                             ///< plain file names, in order
  std::vector<std::pair<std::string, std::string>> entries; ///< tensor, shard; sorted
};
} // namespace

/// A shard is a file of the checkpoint's own directory.
static bool isPlainFileName(llvm::StringRef name) {
  return !name.empty() && name != "." && name != ".." && !name.contains('/') &&
         !name.contains('\0');
}

static llvm::Expected<ShardIndex> readShardIndex(llvm::StringRef path,
                                                 const CheckpointLimits &limits) {
  llvm::Expected<json::Object> root = readJsonObject(path);
  if (!root)
    return root.takeError();
  const json::Object *map = root->getObject("weight_map");
  if (!map)
    return badInput(path, "weight_map: missing");
  if (map->size() > limits.tensors)
    return badInput(path, "names " + llvm::Twine(map->size()) + " tensors, the limit is " +
                              llvm::Twine(limits.tensors));
  ShardIndex index;
  index.path = path.str();
  for (const json::Object::value_type &entry : *map) {
    const std::string shard = entry.second.getAsString().value_or("").str();
    if (!isPlainFileName(shard))
      return badInput(path, "tensor '" + entry.first.str() + "' is not mapped to a file name");
    index.shards.insert(shard);
    index.entries.emplace_back(entry.first.str(), shard);
  }
  llvm::sort(index.entries);
  if (index.shards.size() > limits.shards)
    return badInput(path, "names " + llvm::Twine(index.shards.size()) + " shards, the limit is " +
                              llvm::Twine(limits.shards));
  return index;
}

/// Every tensor of the index must be where it says.
static llvm::Error checkIndex(const ShardIndex &index, const Checkpoint &checkpoint) {
  for (const auto &[name, shard] : index.entries) {
    const TensorInfo *tensor = checkpoint.find(canonicalTensorName(name));
    if (!tensor || tensor->file != pathIn(checkpoint.directory(), shard))
      return badInput(index.path, "tensor '" + name + "' is not in " + shard);
  }
  return llvm::Error::success();
}

//===----------------------------------------------------------------------===//
// Opening
//===----------------------------------------------------------------------===//

llvm::Error Checkpoint::addFile(llvm::StringRef path, const CheckpointLimits &limits) {
  llvm::Expected<std::vector<TensorInfo>> tensors = readSafetensorsHeader(path, limits);
  if (!tensors)
    return tensors.takeError();
  for (TensorInfo &tensor : *tensors) {
    const auto [entry, isNew] = byName.try_emplace(tensor.canonicalName, infos.size());
    if (!isNew) {
      const TensorInfo &other = infos[entry->second];
      return badInput(path, "tensor '" + tensor.sourceName + "' is already in " + other.file +
                                " as '" + other.sourceName + "'");
    }
    infos.push_back(std::move(tensor));
  }
  if (infos.size() > limits.tensors)
    return badInput(path,
                    "the checkpoint holds more than " + llvm::Twine(limits.tensors) + " tensors");
  return llvm::Error::success();
}

llvm::Error Checkpoint::addShards(llvm::StringRef indexPath, const CheckpointLimits &limits) {
  llvm::Expected<ShardIndex> index = readShardIndex(indexPath, limits);
  if (!index)
    return index.takeError();
  for (const std::string &shard : index->shards) {
    const std::string path = pathIn(root, shard);
    if (!fileExists(path))
      return badInput(path, "missing shard, named by " + kIndexFile + "; fetch it again");
    if (llvm::Error error = addFile(path, limits))
      return error;
  }
  return checkIndex(*index, *this);
}

llvm::Expected<Checkpoint> Checkpoint::open(llvm::StringRef directory,
                                            const CheckpointLimits &limits) {
  Checkpoint checkpoint;
  checkpoint.root = directory.str();
  const std::string single = pathIn(directory, kSingleFile);
  const std::string index = pathIn(directory, kIndexFile);
  llvm::Error error = llvm::Error::success();
  // The order of the reference's loader.
  if (fileExists(single))
    error = checkpoint.addFile(single, limits);
  else if (fileExists(index))
    error = checkpoint.addShards(index, limits);
  else
    error = badInput(directory, "holds neither " + kSingleFile + " nor " + kIndexFile +
                                    "; name the directory of a safetensors checkpoint");
  if (error)
    return std::move(error);
  return checkpoint;
}

const TensorInfo *Checkpoint::find(llvm::StringRef canonicalName) const {
  const auto entry = byName.find(canonicalName);
  return entry == byName.end() ? nullptr : &infos[entry->second];
}

llvm::Error Checkpoint::checkDataPresent() const {
  llvm::StringMap<const TensorInfo *> lastOfFile;
  for (const TensorInfo &tensor : infos) // sorted by offset inside a file
    if (tensor.bytes > 0)
      lastOfFile[tensor.file] = &tensor;
  for (const TensorInfo &tensor : infos) {
    if (lastOfFile.lookup(tensor.file) != &tensor)
      continue;
    llvm::Expected<int> descriptor = openForReading(tensor.file);
    if (!descriptor)
      return descriptor.takeError();
    llvm::scope_exit close([&] { ::close(*descriptor); });
    llvm::Expected<uint64_t> bytes = sizeOfFile(*descriptor, tensor.file);
    if (!bytes)
      return bytes.takeError();
    const uint64_t needed = tensor.offset + tensor.bytes;
    if (*bytes < needed)
      return badInput(tensor.file, "truncated: holds " + llvm::Twine(*bytes) + " of " +
                                       llvm::Twine(needed) + " bytes; fetch the file again");
  }
  return llvm::Error::success();
}
