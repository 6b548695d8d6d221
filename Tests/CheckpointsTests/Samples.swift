// The tables, snapshots and directories that the tests of this target share.
import Checkpoints
import Compute
import Foundation

/// A directory that is removed when its owner is released.
final class TemporaryDirectory {
  let url: URL

  /// - Parameter inMemory: whether to use a file system in memory, if the machine has one.
  init(inMemory: Bool = false) throws {
    let parent =
      inMemory && access("/dev/shm", W_OK) == 0
      ? URL(fileURLWithPath: "/dev/shm") : FileManager.default.temporaryDirectory
    url = parent.appendingPathComponent("dnet-checkpoints-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(at: url) }

  func file(_ name: String) -> URL { url.appendingPathComponent(name) }
}

/// A table with a gap after every parameter.
let someTable = ParameterTable([
  ParameterSpec("segmentation.b.weight", [3, 5, 2], .weight), ParameterSpec("segmentation.a.bias", [7], .bias),
  ParameterSpec("bridging.c.bn.scale", [1], .batchNormScale),
  ParameterSpec("classification.d.weight", [129, 33], .weight),
])

func someVector(_ table: ParameterTable = someTable, seed: Int = 1) -> ParameterVector {
  let vector = ParameterVector(table)
  for index in table.parameters.indices {
    let values = vector[index]
    for i in values.indices { values[i] = Float((i &* 7919 &+ index &* 31 &+ seed &* 104_729) % 4001 - 2000) / 977 }
  }
  return vector
}

let somePhases = ["classification", "segmentation"]

func someDescription(_ iteration: Int, phase: String = "segmentation", endsPhase: Bool = false) -> CheckpointDescription
{
  CheckpointDescription(
    phase: phase, phaseIndex: somePhases.firstIndex(of: phase), iteration: iteration, endsPhase: endsPhase,
    seed: 17_000_000_000_000_000_000, configuration: "name: a\nseed: 1\n", network: "decouplednet, width 1/4", ranks: 3,
    dnetVersion: "0.1")
}

func someSnapshot(_ iteration: Int, phase: String = "segmentation", endsPhase: Bool = false) -> CheckpointSnapshot {
  CheckpointSnapshot(
    someDescription(iteration, phase: phase, endsPhase: endsPhase), weights: someVector(seed: iteration).namedTensors,
    optimizerStates: [state("momentum", someVector(seed: -iteration))])
}

func state(_ name: String, _ vector: ParameterVector) -> OptimizerStateToWrite {
  OptimizerStateToWrite(name: name, tensors: vector.namedTensors.map(TensorToWrite.init))
}

/// Changes one byte of a file, or truncates it.
func damage(_ url: URL, at position: Int? = nil, cutTo length: Int? = nil) throws {
  var data = try Data(contentsOf: url)
  if let position { data[position] ^= 0x10 }
  if let length { data = data[..<length] }
  try data.write(to: url)
}

extension ParameterVector {
  /// Copies of the values of all parameters.
  var values: [[Float]] { withExtendedLifetime(memory) { table.parameters.indices.map { Array(self[$0]) } } }
}
