// Archives on the way in: checked once, unpacked where their folder is not there yet.
import Foundation
import Images

extension PublicArchive {
  /// Checks the archive and unpacks it to `destination` where that does not exist. A digest that was right for this file,
  /// by size and time, is not computed again: `remembered` holds such stamps by path, and is filled up.
  package func settle(
    _ file: String, at destination: String, remembered: inout [String: String], progress: (Int) -> Void = { _ in }
  ) throws -> (verified: Bool, extracted: Bool) {
    let stamp = PreparationState.stamp(file)
    let isKnown = stamp != nil && remembered[file] == stamp
    if !isKnown {
      try verify(file, progress: progress)
      remembered[file] = stamp
    }
    guard access(destination, F_OK) != 0 else { return (!isKnown, false) }
    try extract(file, to: destination)
    return (!isKnown, true)
  }

  /// The same, remembered in the folder that is prepared.
  package func settle(
    _ file: String, at destination: String, output: String, progress: (Int) -> Void = { _ in }
  ) throws -> (verified: Bool, extracted: Bool) {
    var state = PreparationState.read(output)
    let result = try settle(file, at: destination, remembered: &state.archives, progress: progress)
    if result.verified && access(output, F_OK) == 0 { try state.write(output) }
    return result
  }
}
