// The reader of VOC's Annotations/ID.xml, which lists the objects of an image. dnet takes the classes of images without
// a mask from it.
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
    /// VOC's mark for objects that are hard to recognize.
    package let isDifficult: Bool
  }

  /// The objects in file order. Parts of persons (head, hand, foot) are not objects.
  package let objects: [Object]

  /// Returns the classes that occur. Difficult objects do not count, as in VOC's lists for classification, where an
  /// image with only difficult ones is neither a positive nor a negative example.
  package func labels(classNames: [String] = ClassNames.voc) -> LabelVector {
    let names = Set(objects.filter { !$0.isDifficult }.map(\.name))
    return classNames.dropFirst().map(names.contains)
  }

  /// Reads the file. Throws `unreadableAnnotation` for truncated or damaged XML, and `unknownObject` for a class that
  /// is not in `classNames`.
  package static func read(_ file: String, classNames: [String] = ClassNames.voc) throws -> Annotation {
    let parser = XMLParser(data: Data(try FileBytes.read(file)))
    let reader = Reader()
    parser.delegate = reader
    guard parser.parse() else {
      throw PreparationError.unreadableAnnotation(
        file: file, line: parser.lineNumber,
        reason:
          "it is not intact XML (\(parser.parserError.map { "error \(($0 as NSError).code)" } ?? "no reason given"))")
    }
    // The parser may accept a text that ends too early.
    guard reader.sawEnd else {
      throw PreparationError.unreadableAnnotation(
        file: file, line: parser.lineNumber, reason: "the element <annotation> does not end")
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
      if path == ["annotation", "object"] {
        name = ""
        isDifficult = false
      }
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
