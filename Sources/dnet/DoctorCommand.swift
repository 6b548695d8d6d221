import ArgumentParser
import Benchmarks
import Cluster
import Foundation
import Training
import Support

struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Looks for what would make training wrong or slow here, with the next step for each.",
    discussion: """
      Runs under mpirun too: then each rank looks at its own machine, as it would be in a training started the same way.
      Exit status: 0 all is well, warnings included; 1 something makes training wrong or many times slower.
      """)

  @Option(help: "Also writes what rank 0 found to this file.")
  var json: String?

  func run() throws {
    let communicator: Communicator
    do { communicator = try Communicator.start() } catch {
      say("dnet doctor: \(error)")
      throw ExitCode(1)
    }
    let machine = Machine.here(
      threads: try ThreadShare.threads(configured: 0, communicator), ranksOnNode: communicator.ranksOnThisNode)
    let diagnosis = Diagnosis(machine)
    let unlike = try unlikeRanks(machine, communicator)
    let failed = try communicator.allGather([diagnosis.errors.count]).contains { $0[0] > 0 } || !unlike.isEmpty

    // One rank after the other; only what is wrong is worth saying more than once.
    for rank in 0..<communicator.size {
      if rank == communicator.rank {
        if rank == 0 { print(machine.facts(communicator)) }
        let place = communicator.size > 1 ? "rank \(rank) on \(communicator.nodeName): " : ""
        for text in diagnosis.errors { print("ERROR    \(place)\(text)") }
        for text in diagnosis.warnings { print("warning  \(place)\(text)") }
        fflush(nil)
      }
      try communicator.barrier()
    }
    if communicator.rank == 0 {
      for text in unlike { print("ERROR    \(text)") }
      if !failed { print("training will be right here" + (diagnosis.warnings.isEmpty ? ", and at full speed" : "")) }
    }
    if communicator.rank == 0, let json {
      try MachineReport(machine, diagnosis, moreErrors: unlike).json().write(to: URL(fileURLWithPath: json))
    }
    try communicator.finish()
    if failed { throw ExitCode(1) }
  }

  /// Ranks with other vector instructions or other kernels of OpenBLAS than rank 0: their sums differ in the last bits.
  private func unlikeRanks(_ machine: Machine, _ communicator: Communicator) throws -> [String] {
    let core = machine.blasCore.utf8.reduce(UInt64(0xcbf2_9ce4_8422_2325)) {
      ($0 ^ UInt64($1)) &* 0x0000_0100_0000_01b3
    }
    let all = try communicator.allGather([UInt64(bitPattern: Int64(machine.compiled.rawValue)), core])
    let unlike = all.indices.filter { all[$0] != all[0] }
    guard !unlike.isEmpty else { return [] }
    return [
      "ranks \(unlike.map(String.init).joined(separator: ", ")) have other vector instructions or OpenBLAS kernels than rank "
        + "0: weights would depend on which rank does what; build with one DNET_MARCH and set one OPENBLAS_CORETYPE for all "
        + "(mpirun -x OPENBLAS_CORETYPE=Haswell)"
    ]
  }
}

extension Machine {
  /// What was found, a line each.
  fileprivate func facts(_ communicator: Communicator) -> String {
    let binding = coresAllowed < coresOnline ? "bound to cores \(allowedList)" : "not bound"
    let quota = coreQuota.map { String(format: ", control group gives %.1f cores' time", $0) } ?? ""
    let siblings = threadsPerCore > 1 ? ", \(threadsPerCore) hardware threads a core" : ""
    let facts: [[String]] = [
      ["dnet", Version.text + (isOptimised ? "" : ", debug build")],
      ["processor", processor],
      ["instructions", "compiled for \(compiled.text), offered \(offered.text)"],
      [
        "OpenBLAS kernels",
        "\(blasCore), expected \(blasExpected ?? "any")" + (blasSetting.map { ", OPENBLAS_CORETYPE=\($0)" } ?? ""),
      ],
      [
        "one thread",
        String(
          format: "%.0f GFLOP/s peak, product %.0f, 3x3 convolution %.0f", peakGflops, productGflops, convolutionGflops),
      ],
      ["errors", String(format: "product %.1e, 3x3 convolution %.1e", productError, convolutionError)],
      ["cores", "\(coresAllowed) of \(coresOnline) allowed, \(binding)\(siblings)\(quota)"],
      ["ranks", "\(communicator.size), \(ranksOnNode) on this machine; threads: 0 gives each \(threads)"],
      ["memory", "\(availableMemoryBytes >> 20) of \(memoryBytes >> 20) MiB free; huge pages: \(hugePages)"],
      ["MPI", "\(MPILibrary.version), thread level \(MPILibrary.threadLevel)"],
      ["OpenBLAS", Libraries.openBLAS],
      ["libpng", Libraries.png],
      ["libjpeg", Libraries.jpeg],
      ["zstd", Libraries.zstd],
      ["libcrypto", Libraries.crypto],
    ]
    return TextTable.lines(facts, columns: [.left]).joined(separator: "\n") + "\n"
  }
}
