// The fuzzer of the decoders of images, masks, lists and packs. No damaged file may crash a decoder, take more than 2 s
// or 1 GiB, or be accepted with contents that the decoder must refuse.
//
//   dnet-fuzz [--decoder NAME]... [--seed S] [--count N] [--processes P] [--failures DIR]
//   dnet-fuzz --decoder NAME [--seed S] --only N [--save FILE]    one input, in this process
//
// An input is a function of decoder, seed and its number, for any number of processes.
import Foundation

var arguments = Array(CommandLine.arguments.dropFirst())

if arguments.first == "child" {
  try Child.run(
    arguments[1], seed: UInt64(arguments[2])!, numbers: Int(arguments[3])!..<Int(arguments[4])!, scratch: arguments[5],
    progress: arguments[6], tally: arguments[7])
  exit(0)
}

func fail(_ text: String) -> Never {
  FileHandle.standardError.write(Data("dnet-fuzz: \(text)\n".utf8))
  exit(2)
}

var decoders: [String] = []
var numbers = ["--seed": 1, "--count": 1_000_000, "--processes": ProcessInfo.processInfo.activeProcessorCount]
var texts = ["--failures": ".build/fuzz-failures"]
while !arguments.isEmpty {
  let option = arguments.removeFirst()
  guard !arguments.isEmpty else { fail("\(option) needs a value") }
  let value = arguments.removeFirst()
  switch option {
  case "--decoder":
    guard FuzzedDecoders.names.contains(value) else {
      fail("no decoder \(value): there are \(FuzzedDecoders.names.joined(separator: ", "))")
    }
    decoders.append(value)
  case "--seed", "--count", "--processes", "--only":
    guard let number = Int(value), number >= (option == "--seed" || option == "--only" ? 0 : 1) else {
      fail("\(option) takes a number, not \(value)")
    }
    numbers[option] = number
  case "--failures", "--save": texts[option] = value
  default: fail("unknown option \(option); the head of Tests/dnet-fuzz/main.swift lists all")
  }
}
let seed = UInt64(numbers["--seed"]!)

if let number = numbers["--only"] {
  guard decoders.count == 1 else { fail("--only needs one --decoder") }
  let scratch = NSTemporaryDirectory() + "dnet-fuzz-\(getpid())"
  try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: scratch) }
  let decoder = try FuzzedDecoders.make(decoders[0], scratch: scratch)!
  let input = decoder.input(Mutation(seed: seed, decoder: decoders[0], number: number))
  if let file = texts["--save"] { try Data(input).write(to: URL(fileURLWithPath: file)) }
  print("\(decoders[0]), input \(number): \(input.count) bytes")
  do { print(try Child.outcome(of: input, decoder)) } catch let broken as ContractBreach {
    print("FAILED: \(broken.what)")
    exit(1)
  }
} else {
  var failed = 0
  for name in decoders.isEmpty ? FuzzedDecoders.names : decoders {
    failed += try Watch(
      name: name, seed: seed, count: numbers["--count"]!, processes: numbers["--processes"]!,
      failures: texts["--failures"]!
    ).run()
  }
  print(failed == 0 ? "no input failed" : "\(failed) inputs failed")
  // Without the leak check, because Foundation's Process leaks a few bytes per child. The workers check for leaks in
  // decoders.
  fflush(nil)
  _exit(failed == 0 ? 0 : 1)
}
