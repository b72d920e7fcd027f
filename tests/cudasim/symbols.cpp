/* SPDX-License-Identifier: MIT
 *
 * symbols.cpp: where the __shared__ and __constant__ variables lie, and what kernels are called: read from the symbol
 * table of the program or library that the simulator is linked into.
 *
 * A section of their own would be simpler, but g++ ignores the attribute on static variables of templates. An ABI tag
 * is kept: it becomes part of the variable's symbol.
 */
#include "internal.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace cudasim {

namespace {

/* the object that this code is in */
struct Object {
  ElfW(Addr) base;
  std::string file;
};

int find_object(dl_phdr_info *info, std::size_t, void *result) {
  const ElfW(Addr) here = address_of(reinterpret_cast<const void *>(find_object));
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Addr) begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
    if (info->dlpi_phdr[i].p_type != PT_LOAD || here < begin ||
        here - begin >= info->dlpi_phdr[i].p_memsz)
      continue;
    auto *object = static_cast<Object *>(result);
    object->base = info->dlpi_addr;
    object->file = info->dlpi_name && *info->dlpi_name ? info->dlpi_name : "/proc/self/exe";
    return 1;
  }
  return 0;
}

const char *map_file(const std::string &name) {
  const int file = open(name.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat about;
  if (file < 0 || fstat(file, &about) != 0) fatal("cannot open %s", name.c_str());
  void *bytes = mmap(nullptr, static_cast<std::size_t>(about.st_size), PROT_READ, MAP_PRIVATE, file,
                     0);
  close(file);
  if (bytes == MAP_FAILED) fatal("cannot read %s", name.c_str());
  return static_cast<const char *>(bytes);
}

struct SymbolTable {
  SymbolTable();
  ElfW(Addr) base = 0;
  const ElfW(Sym) *symbol = nullptr;
  const char *name = nullptr;
  std::size_t count = 0;
  std::vector<Range> shared, constant;
};

SymbolTable::SymbolTable() {
  Object object = {};
  dl_iterate_phdr(find_object, &object);
  base = object.base;
  const char *file = map_file(object.file);
  const auto *header = reinterpret_cast<const ElfW(Ehdr) *>(file);
  const auto *section = reinterpret_cast<const ElfW(Shdr) *>(file + header->e_shoff);
  for (int i = 0; i < header->e_shnum; i++) {
    if (section[i].sh_type != SHT_SYMTAB) continue;
    symbol = reinterpret_cast<const ElfW(Sym) *>(file + section[i].sh_offset);
    count = section[i].sh_size / sizeof *symbol;
    name = file + section[section[i].sh_link].sh_offset;
  }
  if (!symbol) fatal("%s has no symbol table: do not strip it", object.file.c_str());
  for (std::size_t i = 0; i < count; i++) {
    if ((symbol[i].st_info & 15) != STT_OBJECT || symbol[i].st_shndx == SHN_UNDEF) continue;
    const char *its_name = name + symbol[i].st_name;
    const Range range = {base + symbol[i].st_value, symbol[i].st_size};
    if (strstr(its_name, "B14cudasim_shared")) shared.push_back(range);
    if (strstr(its_name, "B16cudasim_constant")) constant.push_back(range);
  }
}

const SymbolTable &symbols() {
  static const SymbolTable &table = *new SymbolTable;
  return table;
}

} // namespace

const std::vector<Range> &shared_variables() { return symbols().shared; }
const std::vector<Range> &constant_variables() { return symbols().constant; }

std::string function_name(const void *function) {
  const SymbolTable &table = symbols();
  for (std::size_t i = 0; i < table.count; i++) {
    const ElfW(Sym) &symbol = table.symbol[i];
    if ((symbol.st_info & 15) != STT_FUNC || table.base + symbol.st_value != address_of(function))
      continue;
    int status = 0;
    char *readable = abi::__cxa_demangle(table.name + symbol.st_name, nullptr, nullptr, &status);
    std::string name = readable ? readable : table.name + symbol.st_name;
    free(readable);
    /* without the types of its arguments and result, and the namespace without a name */
    const std::string anonymous = "(anonymous namespace)::";
    for (std::size_t at; (at = name.find(anonymous)) != std::string::npos;)
      name.erase(at, anonymous.size());
    name = name.substr(0, name.find('('));
    if (name.compare(0, 5, "void ") == 0) name = name.substr(5);
    return name;
  }
  return print("at %p", function);
}

#if defined(CUDASIM_TSAN)
namespace {

struct Words {
  unsigned long begin, end;
};

/* the words of 8 bytes that hold these ranges, in ascending order, none twice */
std::vector<Words> whole_words(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const Range &a, const Range &b) { return a.begin < b.begin; });
  std::vector<Words> words;
  for (const Range &range : ranges) {
    const Words next = {range.begin & ~7ul, (range.begin + range.bytes + 7) & ~7ul};
    if (words.empty() || next.begin >= words.back().end) words.push_back(next);
    else words.back().end = max(words.back().end, next.end);
  }
  return words;
}

} // namespace

/* TSan offers that for one heap of Java objects only: the span of all these variables */
void forget_accesses(const std::vector<Range> &variables) {
  if (variables.empty()) return;
  static const bool known = [] {
    std::vector<Range> all = shared_variables();
    all.insert(all.end(), constant_variables().begin(), constant_variables().end());
    const std::vector<Words> words = whole_words(all);
    __tsan_java_init(words.front().begin, words.back().end - words.front().begin);
    return true;
  }();
  if (!known) return;
  for (const Words &words : whole_words(variables)) {
    __tsan_java_free(words.begin, words.end - words.begin);
    __tsan_java_alloc(words.begin, words.end - words.begin);
  }
}
#else
void forget_accesses(const std::vector<Range> &) {}
#endif

} // namespace cudasim
