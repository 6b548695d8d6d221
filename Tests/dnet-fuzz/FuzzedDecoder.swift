// The protocol of a fuzzed decoder: generating inputs, decoding one, and checking what is accepted.
import Datasets
import Foundation
import Images
import Preparation
import Proposals
import Support

protocol FuzzedDecoder {
  /// The valid files from which inputs are derived.
  var seeds: [[UInt8]] { get }
  /// Returns a damaged file.
  func input(_ mutation: Mutation) -> [UInt8]
  /// Decodes the bytes. Throws the error of the decoder, or `ContractBreach`.
  func decode(_ bytes: [UInt8]) throws
}

/// The error for accepted contents that the decoder must refuse.
struct ContractBreach: Error {
  let what: String
  static func unless(_ holds: Bool, _ what: @autoclosure () -> String) throws(ContractBreach) {
    if !holds { throw ContractBreach(what: what()) }
  }
}

enum FuzzedDecoders {
  static let names = ["jpeg", "png", "mask", "mat", "list", "pack", "crops"]

  /// - Parameter scratch: a folder for decoders that read files.
  static func make(_ name: String, scratch: String) throws -> (any FuzzedDecoder)? {
    switch name {
    case "jpeg": JPEGInputs()
    case "png": PNGInputs(mask: false)
    case "mask": PNGInputs(mask: true)
    case "mat": try MATInputs(file: scratch + "/fuzzed.mat")
    case "list": ListInputs(file: scratch + "/fuzzed.txt")
    case "pack": try PackInputs(folder: scratch)
    case "crops": CropInputs()
    default: nil
    }
  }

  /// Checks the size of a decoded image.
  static func check(width: Int, height: Int, values: Int, channels: Int) throws(ContractBreach) {
    try ContractBreach.unless(
      width > 0 && height > 0 && width * height <= ImageError.pixelLimit && values == width * height * channels,
      "\(width) x \(height) pixels with \(values) values")
  }

  /// Describes an error in a few words without positions and names.
  static func kind(_ error: any Error) -> String {
    func plain(_ text: String) -> String {
      String(
        decoding: text.utf8.map { (33...126).contains($0) ? ((48...57).contains($0) ? 35 : $0) : 32 }, as: UTF8.self
      )
      .prefix(60).trimmingCharacters(in: .whitespaces)
    }
    switch error {
    case let error as ImageError:
      switch error {
      case .damaged(_, let format, let reason): return plain("damaged \(format): \(reason)")
      default: return Mirror(reflecting: error).children.first?.label ?? "\(error)"
      }
    case PreparationError.noSBDMask(_, let reason): return plain("noSBDMask: \(reason)")
    case PackError.contradiction(_, let what): return plain("contradiction: \(what)")
    case is FileError, is DatasetError, is PackError, is CropListError:
      return Mirror(reflecting: error).children.first?.label ?? "\(error)"
    default: return plain("\(type(of: error)): \(error)")
    }
  }
}
