/**
 * How this chapter refuses: sealed bytes by stage and place, keys by what is wrong with them.
 *
 * No message here ever repeats a secret, nor a text that may hold one.
 */
import { LamplogError } from "../event/failure.ts"
import type { Stage } from "../event/failure.ts"

export const refuse = (
  stage: Stage,
  code: string,
  message: string,
  where: string,
  remedy: string,
): LamplogError => new LamplogError({ stage, code, message, where, remedy })

/** A limit of an archive that an encrypted file or a note goes beyond. */
export const beyondLimit = (
  limit: string,
  value: number,
  most: number,
  where: string,
): LamplogError =>
  refuse(
    "archive",
    "limit-exceeded",
    `Too large: the limit ${limit} is ${most}, and ${where} has ${value}.`,
    where,
    `If you trust where it comes from, raise the limit: --limits ${limit}=${value}.`,
  )

/** A key or a name of one that cannot be used. */
export const badKey = (
  code: string,
  message: string,
  remedy: string,
  where?: string,
): LamplogError =>
  new LamplogError({ code, message, remedy, ...(where === undefined ? {} : { where }) })
