export const layoutNames = ['plain', 'optimum', 'genai', 'transformersjs'] as const;

/** The readers that a model is exported for. */
export type LayoutName = (typeof layoutNames)[number];
