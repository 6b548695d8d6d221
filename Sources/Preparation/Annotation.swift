// VOC's Annotations/ID.xml: the objects of a picture with their boxes. dnet takes from it which classes occur, where no
// mask tells.
import Datasets
import Foundation
import Images

#if canImport(FoundationXML)
import FoundationXML
import Support
#endif

package struct Annotation: Equatable, Sendable {
  package struct Object: Equatable, Sendable {
    package let name: String
    /// VOC's mark for objects that are hardly seen.
    package let isDifficult: Bool
  }

  /// In the file's order. Parts of persons (head, hand, foot) are no objects.
  package let objects: [Object]

  /// The classes that occur. Difficult objects do not count, as in VOC's own lists of the classification task, where an
  /// image with nothing but difficult ones is neither an example nor a counterexample.
  package func labels(classNames: [String] = ClassNames.voc) -> LabelVector {
    let names = Set(objects.filter { !$0.isDifficult }.map(\.name))
    return classNames.dropFirst().map(names.contains)
  }

  /// Reads the file. Throws `unreadableAnnotation` for XML that is cut short or damaged, `unknownObject` for a class that
  /// is none of `classNames`.
  package static func read(_ file: String, classNames: [String] = ClassNames.voc) throws -> Annotation {
    let parser = XMLParser(data: Data(try FileBytes.read(file)))
    let reader = Reader()
    parser.delegate = reader
    guard parser.parse() else {
      throw PreparationError.unreadableAnnotation(
        file: file, line: parser.lineNumber,
        reason:
          "it is no whole XML (\(parser.parserError.map { "error \(($0 as NSError).code)" } ?? "no reason given"))")
    }
    // The parser may call a text whole that ends too early.
    guard reader.sawEnd else {
      throw PreparationError.unreadableAnnotation(
        file: file, line: parser.lineNumber, reason: "there is no whole <annotation>")
    }
    for object in reader.objects where !classNames.dropFirst().contains(object.name) {
      throw PreparationError.unknownObject(file: file, name: object.name)
    }
    return Annotation(objects: reader.objects)
  }

  private final class Reader: NSObject, XMLParserDelegate {
    var objects: [Object] = []
    var sawEnd = false
    private var path: [String] = []
    private var text = ""
    private var name = ""
    private var isDifficult = false

    func parser(
      _ parser: XMLParser, didStartElement element: String, namespaceURI: String?, qualifiedName: String?,
      attributes: [String: String]
    ) {
      path.append(element)
      text = ""
      if path == ["annotation", "object"] { (name, isDifficult) = ("", false) }
    }

    func parser(_ parser: XMLParser, foundCharacters characters: String) { text += characters }

    func parser(_ parser: XMLParser, didEndElement element: String, namespaceURI: String?, qualifiedName: String?) {
      let value = text.trimmingCharacters(in: .whitespacesAndNewlines)
      switch path {
      case ["annotation", "object", "name"]: name = value
      case ["annotation", "object", "difficult"]: isDifficult = value != "0"
      case ["annotation"]: sawEnd = true
      case ["annotation", "object"]: objects.append(Object(name: name, isDifficult: isDifficult))
      default: break
      }
      path.removeLast()
      text = ""
    }
  }
}
