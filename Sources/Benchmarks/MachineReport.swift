// The facts about one rank's machine and their diagnosis, for `dnet doctor --json`.
import Foundation
import Support

/// Facts that are unknown or do not apply are nil and have no key in JSON.
package struct MachineReport: Encodable {
  let processor: String
  let compiledFor: String
  let offered: String
  let compiledInstructions: [String]
  let availableInstructions: [String]
  let isOptimised: Bool
  let blasCore: String
  let blasExpected: String?
  let blasSetting: String?
  let coresOnline: Int
  let coresAllowed: Int
  let affinity: String
  let hardwareThreadsPerCore: Int
  let coreQuota: Double?
  let threads: Int
  let ranksOnNode: Int
  let memoryBytes: Int
  let availableMemoryBytes: Int
  let hugePages: String
  let peakGflops: Double
  let productGflops: Double
  let convolutionGflops: Double
  let productError: Double
  let convolutionError: Double
  let errors: [String]
  let warnings: [String]

  package init(_ machine: Machine, _ diagnosis: Diagnosis, moreErrors: [String] = []) {
    processor = machine.processor
    compiledFor = machine.compiled.text
    offered = machine.offered.text
    compiledInstructions = Processor.names(Processor.compiledInstructions)
    availableInstructions = Processor.names(Processor.availableInstructions)
    isOptimised = machine.isOptimised
    blasCore = machine.blasCore
    blasExpected = machine.blasExpected
    blasSetting = machine.blasSetting
    coresOnline = machine.coresOnline
    coresAllowed = machine.coresAllowed
    affinity = machine.allowedList
    hardwareThreadsPerCore = machine.threadsPerCore
    coreQuota = machine.coreQuota
    threads = machine.threads
    ranksOnNode = machine.ranksOnNode
    memoryBytes = machine.memoryBytes
    availableMemoryBytes = machine.availableMemoryBytes
    hugePages = machine.hugePages
    peakGflops = machine.peakGflops
    productGflops = machine.productGflops
    convolutionGflops = machine.convolutionGflops
    productError = machine.productError
    convolutionError = machine.convolutionError
    errors = diagnosis.errors + moreErrors
    warnings = diagnosis.warnings
  }

  package func json() throws -> Data { try JSONText.encode(self) }
}
