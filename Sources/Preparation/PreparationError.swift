// The error of preparing VOC and SBD, besides those of Datasets, Images and Support.

package enum PreparationError: Error, Equatable, CustomStringConvertible {
  case noSBDMask(file: String, reason: String)
  case noSBD(path: String)
  case unreadableAnnotation(file: String, line: Int, reason: String)
  /// An object of a class that VOC does not have.
  case unknownObject(file: String, name: String)
  case wrongArchive(file: String, name: String, found: String, expected: String, source: String)
  case notExtracted(file: String, reason: String)
  case noDigest(name: String)

  package var description: String {
    switch self {
    case .noSBDMask(let file, let reason):
      "\(file) is not a mask of SBD: \(reason); fetch SBD's cls folder again, or take the file out"
    case .noSBD(let path):
      "no folder cls under \(path): give --sbd SBD's folder, benchmark_RELEASE or its dataset"
    case .unreadableAnnotation(let file, let line, let reason):
      "\(file), line \(line): \(reason); fetch the annotations again"
    case .unknownObject(let file, let name):
      "\(file) has an object of the class \"\(name)\", which is none of VOC's twenty; correct the name or take "
        + "the object out"
    case .wrongArchive(let file, let name, let found, let expected, let source):
      "\(file) has the MD5 \(found), and \(name)'s is \(expected): it is another file or not complete; fetch it "
        + "again from \(source)"
    case .notExtracted(let file, let reason):
      "cannot unpack \(file): \(reason); check the space left, and that tar is installed"
    case .noDigest(let name):
      "libcrypto offers no \(name) here (a FIPS-only installation?): unpack the archives by hand and omit the "
        + "archive options"
    }
  }
}
