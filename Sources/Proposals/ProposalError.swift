// The error of proposals from files, of edge models, and of parameters.

package enum ProposalError: Error, Equatable, CustomStringConvertible {
  case badParameter(name: String, value: String, range: String)
  /// The file of boxes for an image cannot be read.
  case noBoxes(id: String, file: String, reason: String)
  case badBox(file: String, line: Int, text: String, reason: String)
  case unreadableModel(file: String, reason: String)
  case badModel(file: String, line: Int, reason: String)
  case unfitModel(file: String, reason: String)

  package var description: String {
    switch self {
    case .badParameter(let name, let value, let range):
      "\(name) is \(value), but it must be \(range)"
    case .noBoxes(let id, let file, let reason):
      "no boxes for \(id): cannot read \(file) (\(reason)); make that file, or check the folder of proposals"
    case .badBox(let file, let line, let text, let reason):
      "\(file), line \(line): \"\(text)\" \(reason); a line must be x1 y1 x2 y2, optionally with a score"
    case .unreadableModel(let file, let reason):
      "cannot read the edge model \(file): \(reason); check the path, or fetch the file again"
    case .badModel(let file, let line, let reason):
      "\(file), line \(line): \(reason); this must be a model.yml or model.yml.gz as OpenCV's "
        + "StructuredEdgeDetection reads it"
    case .unfitModel(let file, let reason):
      "the edge model \(file) is inconsistent: \(reason); fetch it again, or convert it again"
    }
  }
}
