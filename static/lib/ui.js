// What every component needs: Preact, its hooks, signals, and htm's `html` bound to them.
import { h } from 'preact';
import htm from 'htm';

export const html = htm.bind(h);
export { Component, Fragment, createContext, h, render, toChildArray } from 'preact';
export { useCallback, useContext, useEffect, useId, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from '@preact/signals';

/** Joins class names, leaving out what is false. */
export const classes = (...names) => names.filter(Boolean).join(' ');
