/** What a sample data set is made of: elements, values, and sequences of further data sets. */

/**
 * Elements by keyword (`PatientID`) or tag (`(0010,0020)`). An object is written in tag order, a list as it is given, so that a list can hold
 * duplicates and wrong orders.
 */
export type DataSet = Readonly<Record<string, ElementValue>> | readonly (readonly [key: string, value: ElementValue])[];

/** The items of a sequence. `undefinedLength` writes sequence and items with delimiters instead of lengths (PS3.5, 7.5). */
export interface Items {
  readonly items: readonly DataSet[];
  readonly undefinedLength?: boolean;
}

/** A value without its VR: text, a number, bytes, several values, or the items of a sequence. */
export type PlainValue = string | number | bigint | Uint8Array | readonly (string | number)[] | Items;

/** A value alone takes its VR from the dictionary. Bytes are written as they are. `length` is written instead of the real one. `''` is an empty value. */
export type ElementValue = PlainValue | { readonly vr: string; readonly value: PlainValue; readonly length?: number };
